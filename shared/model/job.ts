import { z } from 'zod';
import { FAILURES, type FailureCode } from '#shared/errors.ts';

/** How something ended: `done`, or the row of the failure table. */
export const Outcome = z.enum(['done', ...(Object.keys(FAILURES) as FailureCode[])]);
export type Outcome = z.infer<typeof Outcome>;

export const JobState = z.enum(['running', 'done', 'failed', 'cancelled']);
export type JobState = z.infer<typeof JobState>;

export const JobId = z
  .string()
  .regex(/^[a-z0-9]{1,16}$/, 'a job id is 1 to 16 of a-z 0-9')
  .meta({ title: 'Job', description: 'Id of the job.', choices: 'job' });

/** Ids are short, and typed by people: the number of the job in base 36, `1`, `2`, … `z`, `10`. Never used again. */
export const jobIdOf = (n: number): string => n.toString(36);
export const jobNumberOf = (id: string): number => Number.parseInt(id, 36) || 0;

/** Long work: has an id, can be watched and cancelled, and is kept across restarts of the agent. */
export const Job = z
  .strictObject({
    id: z.string().meta({ title: 'Job' }),
    verb: z.string().meta({ title: 'Verb' }),
    target: z.string().meta({ title: 'Target' }),
    state: JobState.meta({ title: 'State' }),
    progress: z.string().meta({ title: 'Progress', description: 'What it is doing, or how it ended.' }),
    percent: z.int().min(0).max(100).optional().meta({ title: 'Percent', unit: '%' }),
    outcome: Outcome.optional().meta({ title: 'Outcome' }),
    requester: z.string().meta({ title: 'Requester' }),
    startedAt: z.string().meta({ title: 'Started', description: 'RFC 3339.' }),
    endedAt: z.string().optional().meta({ title: 'Ended', description: 'RFC 3339.' }),
  })
  .meta({
    line: 'job {id} · {verb} {target} · {state} · {progress}',
    columns: ['id', 'verb', 'target', 'state', 'progress', 'requester', 'startedAt'],
  });
export type Job = z.infer<typeof Job>;
