import { z } from 'zod';

/** A piece of a serial console's output. Offsets count bytes since the agent began to keep it, so that a reader can go on. */
export const ConsoleText = z
  .strictObject({
    guest: z.string().meta({ title: 'Guest' }),
    from: z.int().nonnegative().meta({ title: 'From', unit: 'bytes' }),
    next: z.int().nonnegative().meta({ title: 'Next', unit: 'bytes', description: 'Give this as `from` to go on.' }),
    missed: z.int().nonnegative().meta({ title: 'Missed', unit: 'bytes', description: 'Older than what is kept.' }),
    text: z.string().meta({ title: 'Text', multiline: true }),
  })
  .meta({ line: '{text}' });
export type ConsoleText = z.infer<typeof ConsoleText>;

export const ConsoleInfo = z
  .strictObject({
    guest: z.string().meta({ title: 'Guest' }),
    state: z
      .enum(['open', 'closed'])
      .meta({ title: 'State', description: 'closed: the guest is off, or has no serial console.' }),
    bytes: z.int().nonnegative().meta({ title: 'Kept', unit: 'bytes' }),
    watchers: z.int().nonnegative().meta({ title: 'Watchers' }),
  })
  .meta({ line: '{guest} · {state} · {bytes} bytes kept · {watchers} watching' });
export type ConsoleInfo = z.infer<typeof ConsoleInfo>;
