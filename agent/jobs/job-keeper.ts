import type { DatabaseSync } from 'node:sqlite';
import type { Job, JobState } from '#shared/model/job.ts';
import type { Asker, JobListener } from '#shared/verb/offer.ts';
import type { AuditRecord } from '#shared/verb/request.ts';
import { jobTable, type LeftJob } from './job-table.ts';

export interface KeeperDeps {
  database: DatabaseSync;
  now(): number;
  onBug(error: unknown, id: string): void;
  /** How often a job's progress is written and told at most; a second unless given. */
  progressMs?: number;
}

/** One job that runs. */
export interface KeptJob {
  readonly job: Job;
  progress(text: string, percent?: number): void;
  /** Written together with its audit record, and told. */
  end(job: Job, record: AuditRecord): void;
}

export interface JobKeeper {
  /** @throws Failure host-space */
  add(jobOf: (id: string) => Job, args: object, asker: Asker, operation: string): Job;
  keep(job: Job, asker: Asker): KeptJob;
  find(id: string): Job | undefined;
  list(filter: { state?: JobState; limit: number }): Job[];
  /** What an earlier run left running. */
  left(): LeftJob[];
  onJob(listener: JobListener): () => void;
  /** Try once more to write what found no room. */
  flush(): void;
}

const RETRY_MS = 1_000;
const TEXT_MAX = 500;

/**
 * Jobs as they are: those that run in memory, all of them in the table. Progress is written and told at most once a second, the
 * end at once. An end that finds no room on the disk stays in memory, is read from there, and is written as soon as it can be.
 */
export function jobKeeper({ database, now, onBug, progressMs = 1_000 }: KeeperDeps): JobKeeper {
  const table = jobTable(database);
  const listeners = new Set<JobListener>();
  const live = new Map<string, Job>();
  const unwritten = new Map<string, () => void>();
  let retrying: NodeJS.Timeout | undefined;

  const tell = (job: Job, asker: Asker): void => {
    for (const listener of listeners) attempt(job.id, () => listener(job, asker));
  };
  const attempt = (id: string, work: () => void): boolean => {
    try {
      work();
      return true;
    } catch (error) {
      onBug(error, id);
      return false;
    }
  };
  const flush = (): void => {
    clearTimeout(retrying);
    retrying = undefined;
    for (const [id, write] of unwritten) {
      if (!attempt(id, write)) continue;
      unwritten.delete(id);
      live.delete(id);
    }
    if (unwritten.size > 0) retrying = setTimeout(flush, RETRY_MS).unref();
  };

  const keep = (begun: Job, asker: Asker): KeptJob => {
    let job = begun;
    let toldAt = Number.NEGATIVE_INFINITY;
    let timer: NodeJS.Timeout | undefined;
    live.set(job.id, job);
    const publish = (): void => {
      timer = undefined;
      toldAt = now();
      attempt(job.id, () => table.put(job));
      tell(job, asker);
    };
    tell(job, asker);
    return {
      get job() {
        return job;
      },
      progress: (text, percent) => {
        if (job.state !== 'running') return;
        job = {
          ...job,
          progress: text.slice(0, TEXT_MAX),
          ...(percent === undefined ? {} : { percent: whole(percent) }),
        };
        live.set(job.id, job);
        const waitMs = toldAt + progressMs - now();
        if (waitMs <= 0) publish();
        else timer ??= setTimeout(publish, waitMs).unref();
      },
      end: (ended, record) => {
        clearTimeout(timer);
        job = ended;
        live.set(job.id, job);
        unwritten.set(job.id, () => table.end(ended, record));
        flush();
        tell(job, asker);
      },
    };
  };

  const find = (id: string): Job | undefined => live.get(id) ?? table.find(id);
  return {
    add: table.add,
    keep,
    find,
    list: (filter) => table.list(filter).map((job) => live.get(job.id) ?? job),
    left: () => table.running().filter(({ job }) => !live.has(job.id)),
    onJob: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    flush,
  };
}

const whole = (percent: number): number => Math.round(Math.min(100, Math.max(0, percent)));
