import { z } from 'zod';
import { Job, JobId, JobState } from '#shared/model/job.ts';
import { verb } from '#shared/verb/verb.ts';

const oneJob = z.strictObject({ job: JobId });

export const jobVerbs = {
  'job.list': verb({
    summary: 'List the jobs, the newest first.',
    risk: 'read',
    args: z.strictObject({
      state: JobState.optional().meta({ title: 'State' }),
      limit: z.int().min(1).max(1000).default(20).meta({ title: 'Limit' }),
    }),
    positional: ['state'],
    result: z.array(Job),
    failures: [],
    timeoutMs: 10_000,
    example: 'job list running',
  }),
  'job.info': verb({
    summary: 'Show how far a job is, or how it ended.',
    risk: 'read',
    args: oneJob,
    positional: ['job'],
    result: Job,
    failures: ['job-not-found'],
    timeoutMs: 10_000,
    example: 'job info 7',
  }),
  'job.cancel': verb({
    summary: 'Stop a job. What it did already stays done.',
    risk: 'change',
    args: oneJob,
    positional: ['job'],
    result: Job,
    failures: ['job-not-found', 'job-ended'],
    timeoutMs: 10_000,
    example: 'job cancel 7',
  }),
};
