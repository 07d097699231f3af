import { z } from 'zod';

export const ScheduleName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'use 1 to 63 of a-z 0-9 . _ -, and begin with a letter or digit')
  .meta({ title: 'Schedule', description: 'Name of the schedule.' });

/** What becomes of times that went by while central could not run: nothing, one run for all of them, or a run for each. */
export const Missed = z.enum(['skip', 'once', 'all']);
export type Missed = z.infer<typeof Missed>;

const time = (title: string) => z.string().optional().meta({ title, description: 'RFC 3339.' });

/** A verb that is run at certain times, as whoever made it. */
export const ScheduleRecord = z
  .strictObject({
    name: z.string().meta({ title: 'Schedule' }),
    when: z.string().meta({ title: 'When' }),
    zone: z.string().meta({ title: 'Time zone' }),
    verb: z.string().meta({ title: 'Verb' }),
    args: z.array(z.string()).meta({ title: 'Arguments', description: 'NAME=VALUE.' }),
    missed: Missed.meta({ title: 'Missed runs' }),
    requester: z.string().meta({ title: 'As', description: 'Who made it: it may do what they may do when it is due.' }),
    addedAt: z.string().meta({ title: 'Made', description: 'RFC 3339.' }),
    next: time('Next'),
    last: time('Last due'),
    outcome: z.string().optional().meta({
      title: 'Last outcome',
      description: '`done`, `begun` (a job, until it has ended), `running`, `skipped`, or the failure.',
    }),
    text: z.string().optional().meta({ title: 'What it said' }),
    job: z.string().optional().meta({ title: 'Job', description: 'Of the last run.' }),
  })
  .meta({
    line: '{name} · {when} {zone} · {verb} {args} · next {next} · last {last} {outcome}',
    columns: ['name', 'when', 'zone', 'verb', 'args', 'next', 'last', 'outcome', 'requester'],
  });
export type ScheduleRecord = z.infer<typeof ScheduleRecord>;

export const ScheduleInfo = ScheduleRecord.extend({
  following: z.array(z.string()).meta({ title: 'Due at', description: 'The next five times, RFC 3339.' }),
});
export type ScheduleInfo = z.infer<typeof ScheduleInfo>;
