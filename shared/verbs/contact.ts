import { z } from 'zod';
import { verb } from '#shared/verb/verb.ts';

const answer = z
  .strictObject({
    jid: z.string().meta({ title: 'Whose' }),
    guests: z.int().nonnegative().meta({ title: 'Guests' }),
  })
  .meta({ line: '{guests} guests are kept in the contacts of {jid}' });

/** What both rows share: it is about one's own list. */
const own = {
  risk: 'change',
  args: z.strictObject({}),
  positional: [],
  result: answer,
  failures: ['setup-needed', 'server-unreachable', 'peer-refused'],
  timeoutMs: 60_000,
} as const;

export const contactVerbs = {
  'contact.follow': verb({
    summary: 'Keep your contact list filled with the guests that you may see, grouped by host.',
    ...own,
    example: 'contact follow',
  }),
  'contact.unfollow': verb({
    summary: 'Take the guests out of your contact list, and keep them out.',
    ...own,
    example: 'contact unfollow',
  }),
};
