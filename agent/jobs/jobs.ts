import type { DatabaseSync } from 'node:sqlite';
import { Failure, messageOf } from '#shared/errors.ts';
import type { Job, JobState } from '#shared/model/job.ts';
import type { Asker } from '#shared/verb/offer.ts';
import type { Jobs } from '#shared/verb/perform.ts';
import type { Call, Requester, Surface } from '#shared/verb/request.ts';
import { rowOf, type Verb, type VerbTable } from '#shared/verb/verb.ts';
import { writing } from '../journal/database.ts';

export type JobListener = (job: Job, asker: Asker) => void;

export interface JobRunner extends Jobs {
  list(filter: { state?: JobState; limit: number }): Job[];
  /** @throws Failure job-not-found, job-ended */
  cancel(id: string): Promise<Job>;
  onJob(listener: JobListener): () => void;
  /** Go on with what an earlier run of this agent left running. */
  resume(table: VerbTable, handlers: Readonly<Record<string, unknown>>): void;
  /** Stop waiting; the jobs stay running in the database, and the next run goes on with them. */
  stop(): Promise<void>;
}

export interface JobsDeps {
  database: DatabaseSync;
  now(): number;
  onBug(error: unknown, id: string): void;
}

interface Running {
  control: AbortController;
  ended: Promise<void>;
}
interface Row {
  n: number;
  job: string;
  args: string;
  requester: string;
  surface: Surface;
  operation: string;
}

/** Why a signal fired: a job that was cancelled ends, one whose agent stops goes on in the next run. */
const STOPPING = new Error('the agent stops');

/** Jobs: long work that is kept in the database, and is told of to whoever asked. Ids are short: 1, 2, … in base 36. */
export function jobRunner({ database, now, onBug }: JobsDeps): JobRunner {
  const listeners = new Set<JobListener>();
  const running = new Map<string, Running>();
  const insert = database.prepare(
    "INSERT INTO jobs (state, job, args, requester, surface, operation) VALUES ('running', '{}', ?, ?, ?, ?)",
  );
  const write = database.prepare('UPDATE jobs SET state = ?, job = ? WHERE n = ?');

  const keep = (job: Job, asker: Asker): void => {
    writing(() => write.run(job.state, JSON.stringify(job), Number.parseInt(job.id, 36)));
    for (const listener of listeners) listener(job, asker);
  };

  const run = (
    job: Job,
    row: Verb,
    call: Omit<Call, 'signal' | 'progress'>,
    work: (call: Call) => Promise<unknown>,
  ): void => {
    const asker = { requester: call.requester, surface: call.surface };
    const control = new AbortController();
    const signal = AbortSignal.any([control.signal, AbortSignal.timeout(row.timeoutMs)]);
    let latest = job;
    const progress = (text: string, percent?: number): void => {
      latest = { ...latest, progress: text, ...(percent === undefined ? {} : { percent }) };
      keep(latest, asker);
    };
    const finish = (state: JobState, outcome: NonNullable<Job['outcome']>, text: string): void => {
      latest = { ...latest, state, outcome, progress: text, endedAt: new Date(now()).toISOString() };
      keep(latest, asker);
    };
    const ended = work({ ...call, signal, progress })
      .then(
        () => finish('done', 'done', 'done'),
        (error) => {
          if (control.signal.reason === STOPPING) return;
          if (control.signal.aborted) return finish('cancelled', 'job-cancelled', 'cancelled');
          if (!(error instanceof Failure)) onBug(error, job.id);
          finish('failed', error instanceof Failure ? error.code : 'internal', messageOf(error));
        },
      )
      .catch((error) => onBug(error, job.id))
      .finally(() => running.delete(job.id));
    running.set(job.id, { control, ended });
  };

  const find = (id: string): Job | undefined => {
    const row = database.prepare('SELECT job FROM jobs WHERE n = ?').get(Number.parseInt(id, 36) || 0) as
      | { job: string }
      | undefined;
    return row && JSON.parse(row.job);
  };

  return {
    start: (call, row, args, work) => {
      const { verb, requester, surface, operation } = call;
      const target = row.guestArg ? String((args as Record<string, unknown>)[row.guestArg] ?? '') : '';
      const { lastInsertRowid } = writing(() =>
        insert.run(JSON.stringify(args), JSON.stringify(requester), surface, operation),
      );
      const id = Number(lastInsertRowid).toString(36);
      const job: Job = {
        id,
        verb,
        target,
        state: 'running',
        progress: 'begun',
        requester: requester.bareJid,
        startedAt: new Date(now()).toISOString(),
      };
      keep(job, { requester, surface });
      run(job, row, { verb, requester, surface, operation }, work);
      return job;
    },
    find,
    list: ({ state, limit }) => {
      const rows = state
        ? database.prepare('SELECT job FROM jobs WHERE state = ? ORDER BY n DESC LIMIT ?').all(state, limit)
        : database.prepare('SELECT job FROM jobs ORDER BY n DESC LIMIT ?').all(limit);
      return (rows as { job: string }[]).map((row) => JSON.parse(row.job));
    },
    cancel: async (id) => {
      const job = find(id);
      if (!job) throw new Failure('job-not-found', { job: id });
      const active = running.get(id);
      if (!active) throw new Failure('job-ended', { job: id, outcome: job.progress });
      active.control.abort(new Failure('job-cancelled', { job: id }));
      await active.ended;
      return find(id) ?? job;
    },
    onJob: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    resume: (table, handlers) => {
      for (const left of leftRunning(database)) {
        const job = JSON.parse(left.job) as Job;
        const row = rowOf(table, job.verb ?? '');
        const handler = row && (handlers[job.verb] as (args: unknown, call: Call) => Promise<unknown>);
        if (!row || !handler) continue;
        const requester = JSON.parse(left.requester) as Requester;
        run(job, row, { verb: job.verb, requester, surface: left.surface, operation: left.operation }, (call) =>
          handler(JSON.parse(left.args), call),
        );
      }
    },
    stop: async () => {
      const all = [...running.values()];
      for (const { control } of all) control.abort(STOPPING);
      await Promise.all(all.map(({ ended }) => ended));
    },
  };
}

const leftRunning = (database: DatabaseSync): Row[] =>
  database
    .prepare("SELECT n, job, args, requester, surface, operation FROM jobs WHERE state = 'running'")
    .all() as unknown as Row[];
