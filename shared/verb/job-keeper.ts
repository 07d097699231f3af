import type { Job, JobState } from '#shared/model/job.ts';
import type { Asker, JobListener } from './offer.ts';
import type { AuditRecord } from './request.ts';

/** A job that was running when the program ended. */
export interface LeftJob {
  job: Job;
  args: unknown;
  asker: Asker;
  operation: string;
}

/** Where jobs outlive the program. What writes resolves when it is on the disk. @throws Failure host-space, whatever writes */
export interface JobTable {
  /** With an id that was never used before. */
  add(jobOf: (id: string) => Job, args: object, asker: Asker, operation: string): Job | Promise<Job>;
  put(job: Job): void | Promise<void>;
  /** How it ended, together with its audit record. */
  end(job: Job, record: AuditRecord): void | Promise<void>;
  find(id: string): Job | undefined;
  /** The newest first. */
  list(filter: { state?: JobState; limit: number }): Job[];
  running(): LeftJob[];
}

export interface KeeperDeps {
  table: JobTable;
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
  add(jobOf: (id: string) => Job, args: object, asker: Asker, operation: string): Job | Promise<Job>;
  keep(job: Job, asker: Asker): KeptJob;
  find(id: string): Job | undefined;
  list(filter: { state?: JobState; limit: number }): Job[];
  /** What an earlier run left running. */
  left(): LeftJob[];
  onJob(listener: JobListener): () => void;
  /** Try once more to write what found no room. */
  flush(): Promise<void>;
}

const RETRY_MS = 1_000;
const TEXT_MAX = 500;

/**
 * Jobs as they are: those that run in memory, all of them in the table. Progress is written and told at most once a second, the
 * end at once. An end that finds no room on the disk stays in memory, is read from there, and is written as soon as it can be.
 */
export function jobKeeper({ table, now, onBug, progressMs = 1_000 }: KeeperDeps): JobKeeper {
  const listeners = new Set<JobListener>();
  const live = new Map<string, Job>();
  const unwritten = new Map<string, () => void | Promise<void>>();
  let retrying: NodeJS.Timeout | undefined;

  const tell = (job: Job, asker: Asker): void => {
    for (const listener of listeners) void attempt(job.id, () => listener(job, asker));
  };
  const attempt = async (id: string, work: () => void | Promise<void>): Promise<boolean> => {
    try {
      await work();
      return true;
    } catch (error) {
      onBug(error, id);
      return false;
    }
  };
  const writeEnd = async (id: string, write: () => void | Promise<void>): Promise<void> => {
    const isWritten = await attempt(id, write);
    if (!isWritten) retrying ??= setTimeout(() => void flush(), RETRY_MS).unref();
    else if (unwritten.delete(id)) live.delete(id);
  };
  const flush = async (): Promise<void> => {
    clearTimeout(retrying);
    retrying = undefined;
    await Promise.all([...unwritten].map(([id, write]) => writeEnd(id, write)));
  };

  const keep = (begun: Job, asker: Asker): KeptJob => {
    let job = begun;
    let toldAt = Number.NEGATIVE_INFINITY;
    let timer: NodeJS.Timeout | undefined;
    live.set(job.id, job);
    const publish = (): void => {
      timer = undefined;
      toldAt = now();
      void attempt(job.id, () => table.put(job));
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
        const write = (): void | Promise<void> => table.end(ended, record);
        unwritten.set(job.id, write);
        void writeEnd(job.id, write);
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
