/**
 * Responsibilities: the one path from a request to a handler, and from there to the record.
 *
 * Theory of operation: find the row, ask whether the requester may, read the arguments, ask again with the target, ask for
 * confirmation, run. What only reads runs at once. What changes is written into the journal first; the same operation id
 * again gets the outcome that was written, or joins what is still under way. Changes of one guest wait for each other; jobs do
 * not hold that place while they wait for the guest, so that a poweroff overtakes a shutdown.
 *
 * What can go wrong: a handler that throws something that is not a Failure is a fault of ours. It is told to onBug under an
 * id, and the requester is told that id and nothing else.
 */
import { Failure } from '#shared/errors.ts';
import type { Job } from '#shared/model/job.ts';
import { readArguments } from './arguments.ts';
import { auditedArgs } from './audit.ts';
import type { Handlers } from './handlers.ts';
import type { May } from './policy.ts';
import type { Answer, AuditRecord, Call, Perform, Request } from './request.ts';
import { rowOf, type Verb, type VerbTable } from './verb.ts';

/** What is written down of a change: before it acts, and after. */
export interface Journal {
  /** @throws Failure operation-mismatch, where this id was used for something else; host-space */
  find(request: Request, args: object): Recorded | undefined;
  begin(request: Request, args: object): Promise<void>;
  end(request: Request, recorded: Recorded, audit: AuditRecord): void;
}
export type Recorded =
  | { outcome: 'done'; value: unknown }
  | { outcome: 'job'; job: string }
  | { outcome: 'failed'; code: Failure['code']; details: Failure['details'] };

export interface Jobs {
  start(call: Call, row: Verb, args: object, run: (call: Call) => Promise<unknown>): Job;
  find(id: string): Job | undefined;
}

export interface PerformDeps<T extends VerbTable> {
  table: T;
  handlers: Handlers<T>;
  may: May;
  /** Whether the driver can do it. */
  supports(verb: string): boolean;
  journal: Journal;
  jobs: Jobs;
  audit(record: AuditRecord): void;
  onBug(error: unknown, id: string): void;
  now(): number;
  newId(): string;
  /** For texts: which driver, which host. */
  here: { driver: string; host: string };
  limits: { underWay: number; underWayEach: number };
}

type AnyHandler = (args: unknown, call: Call) => Promise<unknown>;

export function performer<T extends VerbTable>(deps: PerformDeps<T>): Perform {
  const running = new Map<string, { asked: string; answer: Promise<Answer> }>();
  const load = loadBound(deps.limits);
  const inTurn = turnstile();

  const run = async (request: Request, row: Verb, args: Record<string, unknown>): Promise<unknown> => {
    const handler = (deps.handlers as Readonly<Record<string, unknown>>)[request.verb] as AnyHandler;
    const call = callOf(request, row);
    if (row.job) return deps.jobs.start(call, row, args, (jobCall) => handler(args, jobCall));
    const value = await limited(handler(args, call), call.signal, request, row);
    const checked = row.result.safeParse(value);
    if (!checked.success)
      throw new Error(`${request.verb} answered what its row does not allow: ${checked.error.message}`);
    return value;
  };

  const change = async (request: Request, row: Verb, args: Record<string, unknown>): Promise<Answer> => {
    const key = `${request.requester.bareJid} ${request.operation}`;
    const recorded = deps.journal.find(request, args);
    if (recorded) return replay(recorded, deps.jobs, request);
    const asked = JSON.stringify([request.verb, args]);
    const joined = running.get(key);
    if (joined && joined.asked !== asked) throw new Failure('operation-mismatch', { operation: request.operation });
    if (joined) return { ...(await joined.answer), replayed: true };
    const target = row.guestArg ? String(args[row.guestArg] ?? '') : '';
    const answer = inTurn(target, () => journaled(request, row, args));
    running.set(key, { asked, answer });
    try {
      return await answer;
    } finally {
      running.delete(key);
    }
  };

  const journaled = async (request: Request, row: Verb, args: Record<string, unknown>): Promise<Answer> => {
    const beganAt = deps.now();
    await deps.journal.begin(request, args);
    try {
      const value = await run(request, row, args);
      const job = row.job ? (value as Job) : undefined;
      const recorded: Recorded = job ? { outcome: 'job', job: job.id } : { outcome: 'done', value };
      deps.journal.end(request, recorded, recordOf(request, row, args, 'done', beganAt));
      return job ? { kind: 'job', job, replayed: false } : { kind: 'result', value, replayed: false };
    } catch (error) {
      const failure = failureOf(error);
      const { code, details } = failure;
      deps.journal.end(request, { outcome: 'failed', code, details }, recordOf(request, row, args, code, beganAt));
      throw new Recounted(failure);
    }
  };

  const failureOf = (error: unknown): Failure => {
    if (error instanceof Failure) return error;
    const id = deps.newId().slice(0, 8);
    deps.onBug(error, id);
    return new Failure('internal', { id });
  };

  const recordOf = (
    request: Request,
    row: Verb | undefined,
    args: object,
    outcome: AuditRecord['outcome'],
    beganAt: number,
  ): AuditRecord => ({
    at: new Date(beganAt).toISOString(),
    verb: request.verb.slice(0, 64),
    requester: request.requester,
    surface: request.surface,
    operation: request.operation,
    args: auditedArgs(row, args as Record<string, unknown>),
    outcome,
    tookMs: deps.now() - beganAt,
  });

  const admitted = (request: Request): { row: Verb; args: Record<string, unknown> } => {
    const { requester, verb } = request;
    const row = rowOf(deps.table, verb);
    if (!row) throw new Failure('verb-unknown', { verb: verb.slice(0, 64) });
    if (!deps.may(requester, verb)) throw new Failure('not-permitted', { requester: requester.bareJid, verb });
    const args = readArguments(row, request.args);
    const guest = row.guestArg ? args[row.guestArg] : undefined;
    if (typeof guest === 'string' && !deps.may(requester, verb, { guest })) {
      throw new Failure('not-permitted', { requester: requester.bareJid, verb: `${verb} ${guest}` });
    }
    if (!deps.supports(verb)) throw new Failure('verb-unsupported', { ...deps.here, verb });
    if (row.risk === 'destroy' && !request.confirmed) throw new Failure('confirmation-required', { verb });
    if (request.operation.length < 1 || request.operation.length > 200) {
      throw new Failure('bad-argument', { field: 'operation', problem: 'use 1 to 200 characters' });
    }
    return { row, args };
  };

  return async (request) => {
    const beganAt = deps.now();
    try {
      const { row, args } = admitted(request);
      return await load(request.requester.bareJid, async () => {
        if (row.risk !== 'read') return change(request, row, args);
        const value = await run(request, row, args);
        deps.audit(recordOf(request, row, args, 'done', beganAt));
        return { kind: 'result', value, replayed: false };
      });
    } catch (error) {
      // What the journal has recorded is in the trail already.
      if (error instanceof Recounted) throw error.failure;
      const failure = failureOf(error);
      deps.audit(recordOf(request, rowOf(deps.table, request.verb), request.args, failure.code, beganAt));
      throw failure;
    }
  };
}

/** A failure whose record is written. */
class Recounted extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

function callOf(request: Request, row: Verb): Call {
  const limit = AbortSignal.timeout(row.timeoutMs);
  return {
    verb: request.verb,
    requester: request.requester,
    surface: request.surface,
    operation: request.operation,
    signal: request.signal ? AbortSignal.any([limit, request.signal]) : limit,
    progress: () => {},
  };
}

/** A handler that does not hear its signal is left behind; the requester is not. */
async function limited<T>(work: Promise<T>, signal: AbortSignal, request: Request, row: Verb): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = (): void => reject(new Failure('verb-timeout', { verb: request.verb, timeoutS: row.timeoutMs / 1000 }));
  signal.addEventListener('abort', late, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', late);
    work.catch(() => {});
  }
}

/** What was recorded under this id: the same answer, and no second effect. */
export function replay(recorded: Recorded, jobs: Pick<Jobs, 'find'>, request: Request): Answer {
  if (recorded.outcome === 'failed') throw new Recounted(new Failure(recorded.code, recorded.details));
  if (recorded.outcome === 'done') return { kind: 'result', value: recorded.value, replayed: true };
  const job = jobs.find(recorded.job);
  if (!job) throw new Failure('operation-uncertain', { operation: request.operation });
  return { kind: 'job', job, replayed: true };
}

/** A bound on what is under way, in all and for each requester. @throws Failure too-busy */
function loadBound(limits: { underWay: number; underWayEach: number }) {
  const each = new Map<string, number>();
  let all = 0;
  return async <T>(requester: string, work: () => Promise<T>): Promise<T> => {
    const own = each.get(requester) ?? 0;
    if (all >= limits.underWay)
      throw new Failure('too-busy', { problem: `${limits.underWay} requests are the most here` });
    if (own >= limits.underWayEach)
      throw new Failure('too-busy', { problem: `${limits.underWayEach} requests of one account are the most here` });
    all++;
    each.set(requester, own + 1);
    try {
      return await work();
    } finally {
      all--;
      const left = (each.get(requester) ?? 1) - 1;
      if (left > 0) each.set(requester, left);
      else each.delete(requester);
    }
  };
}

/** Work on the same thing runs one after the other; on different things, or on nothing in particular, side by side. */
function turnstile() {
  const last = new Map<string, Promise<unknown>>();
  return async <T>(key: string, work: () => Promise<T>): Promise<T> => {
    if (key === '') return work();
    const before = last.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    const settled = mine.then(
      () => {},
      () => {},
    );
    last.set(key, settled);
    try {
      return await mine;
    } finally {
      if (last.get(key) === settled) last.delete(key);
    }
  };
}
