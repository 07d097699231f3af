import { Failure } from '#shared/errors.ts';
import type { Job, JobState } from '#shared/model/job.ts';
import type { JobRunner } from './job-runner.ts';
import type { May } from './policy.ts';
import type { Call, Requester } from './request.ts';

/** Handlers of the verbs about jobs. One sees and stops the jobs whose verb one may use on that guest oneself. */
export function jobHandlers({ jobs, may }: { jobs: JobRunner; may: May }) {
  const isFor = (requester: Requester, job: Job): boolean =>
    job.requester === requester.bareJid ||
    may(requester, job.verb, { guest: job.target }) ||
    may(requester, 'guest.info', { guest: job.target });
  const find = (id: string, requester: Requester): Job => {
    const job = jobs.find(id);
    if (!job || !isFor(requester, job)) throw new Failure('job-not-found', { job: id });
    return job;
  };
  return {
    'job.list': async ({ state, limit }: { state?: JobState | undefined; limit: number }, { requester }: Call) =>
      jobs.list({ limit, ...(state ? { state } : {}) }).filter((job) => isFor(requester, job)),
    'job.info': async ({ job }: { job: string }, { requester }: Call) => find(job, requester),
    'job.cancel': async ({ job: id }: { job: string }, { requester }: Call) => {
      const job = find(id, requester);
      if (job.requester !== requester.bareJid && !may(requester, job.verb, { guest: job.target })) {
        throw new Failure('not-permitted', { requester: requester.bareJid, verb: `${job.verb} ${job.target}` });
      }
      return jobs.cancel(id);
    },
  };
}
