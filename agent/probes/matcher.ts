/**
 * Responsibilities: try regular expressions of others on texts of others, without ever waiting long for one.
 *
 * Theory of operation: a pattern can take years on a short text ("catastrophic backtracking"), and nothing in the same thread can end it.
 * So they are tried in a thread of their own, one question after the other, each within a limit; at the limit the thread is ended,
 * and another is made for the next question. The thread is made with the first question, and let go when there is none for a while.
 *
 * What can go wrong: a pattern that took too long is tried again and again, and all others wait for it. So it is refused for a minute.
 * The machine is busy, and has no time for the thread: that is not the pattern's fault, so what counts is the time that the thread
 * computed, and a question whose thread did not come to it in a long while is answered as that, and asked again.
 */

import { Worker } from 'node:worker_threads';
import type { Clock } from '#shared/clock.ts';
import { oneLine } from '#shared/turns.ts';
import type { Answer, Question } from './match-worker.ts';

export type Found = { isFound: boolean; problem?: never } | { isFound?: never; problem: string };

export interface Matcher {
  /** Whether a pattern (flag `u`) is found in one of the texts, or why that cannot be said. @throws the signal's reason */
  find(pattern: string, texts: readonly string[], signal: AbortSignal): Promise<Found>;
  stop(): void;
}

/** Of computing. */
const TRY_MS_MAX = 500;
/** How often that is looked at. */
const LOOK_MS = 100;
/** Of waiting: a machine that gives a thread no half second in so long is not to be waited for. */
const WAIT_MS_MAX = 15_000;
const REFUSED_MS = 60_000;
const IDLE_MS = 30_000;
const REFUSED = `the pattern took longer than ${TRY_MS_MAX} ms, and is not tried again for a minute`;
const STARVED = 'this machine is too busy to try the pattern';

const WORKER = new URL('./match-worker.ts', import.meta.url);

/** @param worker what the thread runs */
export function matcher(clock: Clock, worker: URL = WORKER): Matcher {
  const refusedUntil = new Map<string, number>();
  const thread = matchThread(worker);
  const inTurn = oneLine();
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
    if (answer === 'spent') refusedUntil.set(pattern, clock.now() + REFUSED_MS);
    if (answer === 'spent') return { problem: REFUSED };
    return answer === 'starved' ? { problem: STARVED } : answer;
  };
  return {
    find: (pattern, texts, signal) => {
      if (texts.length === 0) return Promise.resolve({ isFound: false });
      return inTurn(() => find({ pattern, texts }, signal));
    },
    stop: () => {
      idle();
      thread.stop();
    },
  };
}

/** Instead of an answer: the thread has computed for too long, or did not come to it. It is ended then. */
type Given = Answer | 'spent' | 'starved';

/** The thread, one question at a time. */
function matchThread(file: URL): { ask(question: Question): Promise<Given>; stop(): void } {
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
      const given = await answerBy(asked, question);
      if (typeof given === 'string') stop();
      return given;
    },
  };
}

/** It may also end over the question: what takes all its memory counts as what takes all its time. */
async function answerBy(worker: Worker, question: Question): Promise<Given> {
  const { promise, resolve } = Promise.withResolvers<Given>();
  const onEnd = (): void => resolve('spent');
  const before = await worker.cpuUsage().catch(() => undefined);
  // It has ended since the last question.
  if (!before) return 'starved';
  worker.once('message', resolve).once('exit', onEnd).once('error', onEnd);
  worker.postMessage(question);
  const beganAt = performance.now();
  let isLooking = false;
  const look = async (): Promise<void> => {
    if (isLooking) return;
    isLooking = true;
    const { user, system } = await worker.cpuUsage(before);
    isLooking = false;
    if (user + system > TRY_MS_MAX * 1_000) resolve('spent');
  };
  const timer = setInterval(() => {
    if (performance.now() - beganAt > WAIT_MS_MAX) resolve('starved');
    // One that has ended has told so.
    look().catch(() => {});
  }, LOOK_MS);
  try {
    return await promise;
  } finally {
    clearInterval(timer);
    worker.off('message', resolve).off('exit', onEnd).off('error', onEnd);
  }
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
