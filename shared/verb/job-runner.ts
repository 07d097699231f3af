/**
 * Responsibilities: long work that has an id, can be cancelled, outlives the program, and is told of to whoever asked.
 *
 * Theory of operation: a job's handler runs until it ends, is cancelled, or its row's time is over; job-keeper.ts keeps and tells how
 * it is. When the program stops, or is killed, its jobs stay `running` in the table; the next run calls their handlers
 * again with the same arguments, and these go on with the guest as it is then.
 *
 * What can go wrong: a handler that does not hear its signal. It is left behind when its time is over or the program stops. A
 * cancel waits for it, since only the handler knows what was done by then.
 */
import { Failure } from '#shared/errors.ts';
import type { Job, JobState } from '#shared/model/job.ts';
import { auditRecord } from './audit.ts';
import { jobKeeper, type KeeperDeps, type KeptJob, type LeftJob } from './job-keeper.ts';
import type { JobListener } from './offer.ts';
import type { Jobs, Recorded } from './perform-deps.ts';
import { checkedResult, timedOut, untilCutOff } from './perform-run.ts';
import type { Call } from './request.ts';
import { rowOf, type Verb, type VerbTable } from './verb.ts';

export type JobsDeps = KeeperDeps;

export interface JobRunner extends Jobs {
  find(id: string): Job | undefined;
  /** The newest first. */
  list(filter: { state?: JobState; limit: number }): Job[];
  /** Stop a job, and wait until it has. @throws Failure job-not-found, job-ended */
  cancel(id: string): Promise<Job>;
  /** Told of every change of every job. Returns what takes the listener away. */
  onJob(listener: JobListener): () => void;
  /** Go on with what an earlier run of this program left running. */
  resume(table: VerbTable, handlers: Readonly<Record<string, unknown>>): void;
  /** Stop waiting; the jobs stay running in the database, and the next run goes on with them. */
  stop(): Promise<void>;
}

type Work = (call: Call) => Promise<unknown>;
type JobCall = Omit<Call, 'signal' | 'progress'>;
interface Task {
  kept: KeptJob;
  cancel: AbortController;
  ended: Promise<void>;
}

const STOPPING = new Error('the program stops');

export function jobRunner(deps: JobsDeps): JobRunner {
  const { now, onBug } = deps;
  const keeper = jobKeeper(deps);
  const running = new Map<string, Task>();
  const stopping = new AbortController();

  const failureOf = (id: string, error: unknown): Failure => {
    if (error instanceof Failure) return error;
    onBug(error, id);
    return new Failure('internal', { id: `job ${id}` });
  };

  const run = (begun: Job, row: Verb, call: JobCall, args: Readonly<Record<string, unknown>>, work: Work): void => {
    const kept = keeper.keep(begun, call);
    const cancel = new AbortController();
    const limit = AbortSignal.timeout(row.timeoutMs);
    const signal = AbortSignal.any([cancel.signal, stopping.signal, limit]);
    const leave = AbortSignal.any([stopping.signal, limit]);
    const finish = (state: JobState, recorded: Recorded, progress: string): void => {
      const endedAt = now();
      const outcome = recorded.outcome === 'failed' ? recorded.code : 'done';
      const times = { beganAt: Date.parse(begun.startedAt), endedAt };
      const record = { ...auditRecord(call, row, args, recorded, times), job: begun.id };
      kept.end({ ...kept.job, state, outcome, progress, endedAt: new Date(endedAt).toISOString() }, record);
    };
    const fail = (error: unknown): void => {
      if (stopping.signal.aborted && !limit.aborted) return;
      const isCancelled = cancel.signal.aborted;
      const failure = isCancelled ? new Failure('job-cancelled', { job: begun.id }) : failureOf(begun.id, error);
      const { code, details, message } = failure;
      finish(isCancelled ? 'cancelled' : 'failed', { outcome: 'failed', code, details }, message);
    };
    const why = (): Error => (limit.aborted ? timedOut(call.verb, row) : STOPPING);
    const ended = untilCutOff(begunNow(work, { ...call, signal, progress: kept.progress }), leave, why)
      .then((value) => checkedResult(call.verb, row, value))
      .then((value) => finish('done', { outcome: 'done', value }, 'done'), fail)
      .catch((error) => onBug(error, begun.id))
      .finally(() => running.delete(begun.id));
    running.set(begun.id, { kept, cancel, ended });
  };

  const resumeOne = (left: LeftJob, table: VerbTable, handlers: Readonly<Record<string, unknown>>): void => {
    const { job, asker, operation } = left;
    const row = rowOf(table, job.verb);
    const args = row?.args.safeParse(left.args);
    if (!row || !args?.success || !Object.hasOwn(handlers, job.verb)) {
      giveUp(keeper, left, row, now());
      return;
    }
    const handler = handlers[job.verb] as (args: unknown, call: Call) => Promise<unknown>;
    run(job, row, { ...asker, verb: job.verb, operation }, args.data, (call) =>
      handler(args.data, { ...call, resumed: true }),
    );
  };

  return {
    find: keeper.find,
    list: keeper.list,
    onJob: keeper.onJob,
    start: async ({ verb, requester, surface, operation }, row, given, work) => {
      const args = given as Readonly<Record<string, unknown>>;
      const call: JobCall = { verb, requester, surface, operation };
      const job = await keeper.add((id) => jobOf(id, call, row, args, now()), args, { requester, surface }, operation);
      // One that comes while the program stops is left to the next run.
      if (!stopping.signal.aborted) run(job, row, call, args, work);
      return job;
    },
    cancel: async (id) => {
      const job = keeper.find(id);
      if (!job) throw new Failure('job-not-found', { job: id });
      const task = running.get(id);
      if (!task) throw new Failure('job-ended', { job: id, outcome: job.progress });
      task.cancel.abort(new Failure('job-cancelled', { job: id }));
      await task.ended;
      return task.kept.job;
    },
    resume: (table, handlers) => {
      for (const left of keeper.left()) resumeOne(left, table, handlers);
    },
    stop: async () => {
      stopping.abort(STOPPING);
      await Promise.all([...running.values()].map(({ ended }) => ended));
      await keeper.flush();
    },
  };
}

/** A handler that throws before it waits is one that fails. */
const begunNow = async (work: Work, call: Call): Promise<unknown> => work(call);

const jobOf = (id: string, call: JobCall, row: Verb, args: Readonly<Record<string, unknown>>, at: number): Job => ({
  id,
  verb: call.verb,
  target: row.guestArg ? String(args[row.guestArg] ?? '') : '',
  state: 'running',
  progress: 'begun',
  requester: call.requester.bareJid,
  startedAt: new Date(at).toISOString(),
});

/** A job of a newer or older program, that has no such verb here or whose arguments read otherwise. */
function giveUp(
  keeper: ReturnType<typeof jobKeeper>,
  { job, asker, operation }: LeftJob,
  row: Verb | undefined,
  endedAt: number,
): void {
  const { code, message, details } = new Failure('operation-uncertain', { operation });
  const request = { ...asker, verb: job.verb, operation };
  const times = { beganAt: Date.parse(job.startedAt), endedAt };
  const record = auditRecord(request, row, {}, { outcome: 'failed', code, details }, times);
  keeper
    .keep(job, asker)
    .end(
      { ...job, state: 'failed', outcome: code, progress: message, endedAt: new Date(endedAt).toISOString() },
      { ...record, job: job.id },
    );
}
