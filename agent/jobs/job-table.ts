import type { DatabaseSync } from 'node:sqlite';
import { type Job, type JobState, jobIdOf, jobNumberOf } from '#shared/model/job.ts';
import type { JobTable, LeftJob } from '#shared/verb/job-keeper.ts';
import type { Asker } from '#shared/verb/offer.ts';
import type { AuditRecord, Surface } from '#shared/verb/request.ts';
import { inTransaction, writing } from '../journal/database.ts';

/** The table of jobs. @throws Failure host-space, whatever writes */
export function jobTable(database: DatabaseSync): JobTable {
  const insert = database.prepare(
    "INSERT INTO jobs (state, job, args, requester, surface, operation) VALUES ('running', '{}', ?, ?, ?, ?)",
  );
  const write = database.prepare('UPDATE jobs SET state = ?, job = ? WHERE n = ?');
  // What it was begun with is needed to begin it anew, and no longer: secrets of it go with its end.
  const close = database.prepare('UPDATE jobs SET state = ?, job = ?, args = ? WHERE n = ?');
  const audit = database.prepare('INSERT INTO audit (at, record) VALUES (?, ?)');
  const find = database.prepare('SELECT job FROM jobs WHERE n = ?');
  const newest = database.prepare('SELECT job FROM jobs ORDER BY n DESC LIMIT ?');
  const newestIn = database.prepare('SELECT job FROM jobs WHERE state = ? ORDER BY n DESC LIMIT ?');
  const running = database.prepare(
    "SELECT job, args, requester, surface, operation FROM jobs WHERE state = 'running' ORDER BY n",
  );
  const put = (job: Job): void => {
    write.run(job.state, JSON.stringify(job), jobNumberOf(job.id));
  };

  return {
    add: (jobOf: (id: string) => Job, args: object, { requester, surface }: Asker, operation: string): Job =>
      inTransaction(database, () => {
        const { lastInsertRowid } = insert.run(JSON.stringify(args), JSON.stringify(requester), surface, operation);
        const job = jobOf(jobIdOf(Number(lastInsertRowid)));
        put(job);
        return job;
      }),
    put: (job: Job): void => writing(() => put(job)),
    end: (job: Job, record: AuditRecord): void =>
      inTransaction(database, () => {
        close.run(job.state, JSON.stringify(job), JSON.stringify(record.args), jobNumberOf(job.id));
        audit.run(record.at, JSON.stringify(record));
      }),
    find: (id: string): Job | undefined => {
      const row = find.get(jobNumberOf(id)) as { job: string } | undefined;
      const job = row && (JSON.parse(row.job) as Job);
      // `07` is not another way to write `7`.
      return job?.id === id ? job : undefined;
    },
    list: ({ state, limit }: { state?: JobState; limit: number }): Job[] => {
      const rows = state ? newestIn.all(state, limit) : newest.all(limit);
      return (rows as { job: string }[]).map((row) => JSON.parse(row.job));
    },
    running: (): LeftJob[] =>
      (running.all() as Record<'job' | 'args' | 'requester' | 'surface' | 'operation', string>[]).map((row) => ({
        job: JSON.parse(row.job),
        args: JSON.parse(row.args),
        asker: { requester: JSON.parse(row.requester), surface: row.surface as Surface },
        operation: row.operation,
      })),
  };
}
