import { z } from 'zod';
import { GuestState } from './guest.ts';

/** A name for a snapshot: safe as a path component, and on every hypervisor's command line. */
export const SnapshotName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'use 1 to 63 of A-Z a-z 0-9 . _ -, and begin with a letter or digit')
  .meta({ title: 'Snapshot', description: 'Name of the snapshot.' });

/** How a guest was, kept to go back to. */
export const Snapshot = z
  .strictObject({
    name: z.string().meta({ title: 'Name' }),
    takenAt: z.string().optional().meta({ title: 'Taken', description: 'RFC 3339.' }),
    state: GuestState.optional().meta({
      title: 'State',
      description: 'How the guest was: one that ran is kept with its memory. Without it, disks alone are kept.',
    }),
    current: z
      .boolean()
      .optional()
      .meta({ title: 'Current', description: 'What the guest is now came from this one.' }),
  })
  .meta({ line: '{name} · {takenAt} · {state}', columns: ['name', 'takenAt', 'state', 'current'] });
export type Snapshot = z.infer<typeof Snapshot>;
