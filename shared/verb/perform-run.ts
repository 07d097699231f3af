import { Failure } from '#shared/errors.ts';
import type { BeforeJobs, PerformDeps } from './perform-deps.ts';
import type { Call, Request } from './request.ts';
import type { Verb, VerbTable } from './verb.ts';

/** As AbortSignal.timeout says it. */
const TIME_IS_OVER = new DOMException('The time of the verb is over.', 'TimeoutError');

type AnyHandler = (args: unknown, call: Call) => Promise<unknown>;
/** @param leave takes work that goes on when nobody waits for it any longer */
export type RunVerb = (
  request: Request,
  row: Verb,
  args: Record<string, unknown>,
  leave?: (work: Promise<unknown>) => void,
) => Promise<unknown>;

/** So long work may go on past its row's time limit: all that drivers ask has limits of its own below that. */
const LEFT_MS_MAX = 600_000;

/**
 * Call the handler, under the row's time limit, and hold what it answers to the row. For a job: begin it.
 *
 * @throws Failure verb-timeout; whatever the handler throws; an Error where the answer is not what the row says
 */
export function verbRunner<T extends VerbTable>(
  deps: Pick<PerformDeps<T>, 'handlers' | 'jobs' | 'beforeJobs'>,
): RunVerb {
  return async (request, row, args, leave) => {
    const handler = (deps.handlers as Readonly<Record<string, unknown>>)[request.verb] as AnyHandler;
    const { verb, requester, surface, operation } = request;
    const limit = timeLimit(row.timeoutMs);
    const workLimit = leave ? timeLimit(row.timeoutMs + LEFT_MS_MAX) : limit;
    const until = ({ signal }: TimeLimit): AbortSignal =>
      request.signal ? AbortSignal.any([signal, request.signal]) : signal;
    const call: Call = { verb, requester, surface, operation, signal: until(workLimit), progress: () => {} };
    const cutOff = (by: TimeLimit) => (): Failure => (by.signal.aborted ? timedOut(verb, row) : cutOffBy(request));
    try {
      if (row.job) (deps.beforeJobs as BeforeJobs<VerbTable> | undefined)?.[verb]?.(args);
      if (row.job) return await deps.jobs.start(call, row, args, (jobCall) => handler(args, jobCall));
      const work = untilCutOff(handler(args, call), call.signal, cutOff(workLimit)).finally(workLimit.end);
      const checked = work.then((value) => checkedResult(verb, row, value));
      const answer = untilCutOff(checked, until(limit), cutOff(limit));
      return await answer.catch((error) => {
        if (limit.signal.aborted) leave?.(checked);
        throw error;
      });
    } finally {
      limit.end();
      if (row.job) workLimit.end();
    }
  };
}

export interface TimeLimit {
  signal: AbortSignal;
  /** It is not needed any more. */
  end(): void;
}

/** AbortSignal.timeout has no end before its time: of each of a thousand requests it would be there a minute longer. */
export function timeLimit(ms: number): TimeLimit {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(TIME_IS_OVER), ms).unref();
  return { signal: controller.signal, end: () => clearTimeout(timer) };
}

export const timedOut = (verb: string, row: Verb): Failure =>
  new Failure('verb-timeout', { verb, timeoutS: row.timeoutMs / 1000 });

/** Why a request was given up by whoever asked: their own failure, or that nobody knows how far it came. */
export const cutOffBy = ({ signal, operation }: Request): Failure =>
  signal?.reason instanceof Failure ? signal.reason : new Failure('operation-uncertain', { operation });

/** What a handler answered, which has to be what its row says: everything that is shown derives from the row. */
export function checkedResult(verb: string, row: Verb, value: unknown): unknown {
  const checked = row.result.safeParse(value);
  if (checked.success) return value;
  throw new Error(`${verb} answered what its row does not allow: ${checked.error.message}`);
}

/**
 * Wait for work until the signal fires. A handler that does not hear its signal is left behind; the requester is not. One that
 * does hear it and throws the signal's own reason means the same.
 */
export async function untilCutOff<T>(work: Promise<T>, signal: AbortSignal, cutOff: () => Error): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = (): void => reject(cutOff());
  signal.addEventListener('abort', late, { once: true });
  if (signal.aborted) late();
  try {
    return await Promise.race([work, promise]);
  } catch (error) {
    throw signal.aborted && isOf(signal, error) ? cutOff() : error;
  } finally {
    signal.removeEventListener('abort', late);
    work.catch(() => {});
    promise.catch(() => {});
  }
}

const isOf = (signal: AbortSignal, error: unknown): boolean =>
  error === signal.reason ||
  (error instanceof Error &&
    !(error instanceof Failure) &&
    (error.name === 'AbortError' || error.cause === signal.reason));
