import { z } from 'zod';

/** The chains that a host brings up by itself when it boots, as far as they need nothing from elsewhere. A larger version is newer. */
export const ColdStart = z.strictObject({
  version: z.int().nonnegative(),
  chains: z.array(
    z.strictObject({
      /** The file of the chain. */
      text: z.string(),
      /** Bare JID of whoever set it: on whose behalf it acts. */
      by: z.string(),
    }),
  ),
});
export type ColdStart = z.infer<typeof ColdStart>;
