/**
 * Responsibilities: try regular expressions of others on texts of others, without ever waiting long for one.
 *
 * Theory of operation: a pattern can take years on a short text ("catastrophic backtracking"), and nothing in the same thread can end it.
 * So they are tried in a thread of their own, one question after the other, each within a time limit; at the limit the thread is
 * ended, and another is made for the next question. The thread is made with the first question, and let go when there is none for a while.
 *
 * What can go wrong: a pattern that took too long is tried again and again, and all others wait for it. So it is refused for a minute,
 * once it took too long twice in a row: the first time, the machine may have had no time for the thread.
 */
import { Worker } from 'node:worker_threads';
import type { Clock } from '#shared/clock.ts';
import type { Answer, Question } from './match-worker.ts';

export type Found = { isFound: boolean; problem?: never } | { isFound?: never; problem: string };

export interface Matcher {
  /** Whether a pattern (flag `u`) is found in one of the texts, or why that cannot be said. @throws the signal's reason */
  find(pattern: string, texts: readonly string[], signal: AbortSignal): Promise<Found>;
  stop(): void;
}

const TRY_MS_MAX = 500;
const REFUSED_MS = 60_000;
const IDLE_MS = 30_000;
const TOO_LONG = `the pattern took longer than ${TRY_MS_MAX} ms`;
const REFUSED = `${TOO_LONG}, and is not tried again for a minute`;

const WORKER = new URL('./match-worker.ts', import.meta.url);

/** @param worker what the thread runs */
export function matcher(clock: Clock, worker: URL = WORKER): Matcher {
  const refusedUntil = new Map<string, number>();
  const tookTooLong = new Set<string>();
  const thread = matchThread(worker);
  let last: Promise<unknown> = Promise.resolve();
  let idle = (): void => {};

  const isRefused = (pattern: string): boolean => {
    for (const [each, until] of refusedUntil) if (until <= clock.now()) refusedUntil.delete(each);
    return refusedUntil.has(pattern);
  };
  const find = async (question: Question, signal: AbortSignal): Promise<Found> => {
    signal.throwIfAborted();
    // It may have been refused while this one waited.
    const { pattern } = question;
    if (isRefused(pattern)) return { problem: REFUSED };
    idle();
    const answer = await thread.ask(question);
    idle = clock.after(IDLE_MS, thread.stop);
    const isSecond = tookTooLong.delete(pattern);
    if (answer) return answer;
    if (isSecond) refusedUntil.set(pattern, clock.now() + REFUSED_MS);
    else tookTooLong.add(pattern);
    return { problem: isSecond ? REFUSED : TOO_LONG };
  };
  return {
    find: (pattern, texts, signal) => {
      if (texts.length === 0) return Promise.resolve({ isFound: false });
      const mine = last.then(() => find({ pattern, texts }, signal));
      last = mine.catch(() => {});
      return mine;
    },
    stop: () => {
      idle();
      thread.stop();
    },
  };
}

/** The thread, one question at a time. `ask` answers undefined for a question that took too long, or that the thread was ended over. */
function matchThread(file: URL): { ask(question: Question): Promise<Answer | undefined>; stop(): void } {
  let worker: Promise<Worker> | undefined;
  const stop = (): void => {
    worker?.then((each) => each.terminate()).catch(() => {});
    worker = undefined;
  };
  return {
    stop,
    ask: async (question) => {
      worker ??= begun(file);
      const asked = await worker.catch((error: unknown) => {
        worker = undefined;
        throw error;
      });
      const { promise, resolve } = Promise.withResolvers<Answer | undefined>();
      const onEnd = (): void => resolve(undefined);
      const timer = setTimeout(onEnd, TRY_MS_MAX);
      asked.once('message', resolve).once('exit', onEnd).once('error', onEnd);
      asked.postMessage(question);
      const answer = await promise;
      clearTimeout(timer);
      asked.off('message', resolve).off('exit', onEnd).off('error', onEnd);
      if (!answer) stop();
      return answer;
    },
  };
}

/** A thread that listens, as it says when it does: the time that it takes to begin is nobody's fault. */
async function begun(file: URL): Promise<Worker> {
  const worker = new Worker(file, {
    resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 16 },
  });
  await new Promise<void>((resolve, reject) => worker.once('message', () => resolve()).once('error', reject));
  worker.on('error', () => {}); // 'exit' follows
  worker.unref();
  return worker;
}
