import { z } from 'zod';
import { ReadyTest } from '#shared/model/chain-ready.ts';

/** What is said to a looker, a line of JSON each. */
export const LookerAsked = z.union([
  /** PEM of the site's certificate authority. */
  z.strictObject({ ca: z.string() }),
  z.strictObject({ id: z.int(), test: ReadyTest, dns: z.array(z.string()) }),
  /** Nobody waits for that one any more. */
  z.strictObject({ cancel: z.int() }),
]);
export type LookerAsked = z.infer<typeof LookerAsked>;

/** What it answers; `fault` is one of its own. */
export const LookerAnswer = z.union([
  z.strictObject({ id: z.int(), good: z.literal(true) }),
  z.strictObject({ id: z.int(), why: z.string() }),
  z.strictObject({ id: z.int(), fault: z.string() }),
]);
export type LookerAnswer = z.infer<typeof LookerAnswer>;

export const lineOf = (message: LookerAsked | LookerAnswer): string => `${JSON.stringify(message)}\n`;
