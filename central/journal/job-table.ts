import type { AuditTrail } from '#central/audit/trail.ts';
import type { Database } from '#central/database/open.ts';
import type { Writer } from '#central/database/writer.ts';
import { type Job, jobIdOf, jobNumberOf } from '#shared/model/job.ts';
import type { JobTable, LeftJob } from '#shared/verb/job-keeper.ts';
import type { Surface } from '#shared/verb/request.ts';

/** So many of the newest jobs can be read; older ones stay in the audit trail. */
const KEPT = 10_000;

/** Central's jobs: all that can be read is in memory, and what is written is in the database first. Ids are as those of agents. */
export async function centralJobTable(database: Database, writer: Writer, trail: AuditTrail): Promise<JobTable> {
  const rows = await database.selectFrom('jobs').selectAll().orderBy('n', 'desc').limit(KEPT).execute();
  const jobs = new Map<number, Job>(rows.toReversed().map(({ n, job }) => [n, JSON.parse(job)]));
  const left = rows.filter(({ state }) => state === 'running').toReversed();
  let newest = rows[0]?.n ?? 0;

  const remember = (job: Job): void => {
    const n = jobNumberOf(job.id);
    jobs.set(n, job);
    jobs.delete(n - KEPT);
  };
  const put = (job: Job, audit?: Parameters<JobTable['end']>[1]): Promise<void> =>
    writer.write(async (transaction) => {
      await transaction
        .updateTable('jobs')
        .set({ state: job.state, job: JSON.stringify(job) })
        .where('n', '=', jobNumberOf(job.id))
        .execute();
      if (audit) await trail.append(transaction, audit);
    });

  return {
    add: async (jobOf, args, { requester, surface }, operation) => {
      const n = ++newest;
      const job = jobOf(jobIdOf(n));
      await writer.write(async (transaction) => {
        await transaction
          .insertInto('jobs')
          .values({
            n,
            state: job.state,
            job: JSON.stringify(job),
            args: JSON.stringify(args),
            requester: JSON.stringify(requester),
            asker: requester.bareJid,
            surface,
            operation,
          })
          .execute();
      });
      remember(job);
      return job;
    },
    put: async (job) => {
      remember(job);
      await put(job);
    },
    end: async (job, record) => {
      remember(job);
      await put(job, record);
    },
    find: (id) => {
      const job = jobs.get(jobNumberOf(id));
      return job?.id === id ? job : undefined;
    },
    list: ({ state, limit }) =>
      [...jobs.values()]
        .reverse()
        .filter((job) => state === undefined || job.state === state)
        .slice(0, limit),
    running: () =>
      left
        .map(
          (row): LeftJob => ({
            job: JSON.parse(row.job),
            args: JSON.parse(row.args),
            asker: { requester: JSON.parse(row.requester), surface: row.surface as Surface },
            operation: row.operation,
          }),
        )
        .filter(({ job }) => jobs.get(jobNumberOf(job.id))?.state === 'running'),
  };
}
