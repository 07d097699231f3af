import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '#shared/errors.ts';

/** Something that is started again whenever it ends. */
export interface Kept<T> {
  readonly name: string;
  /** What runs now; while it is being started again, what will. @throws what the first start threw */
  now(): Promise<T>;
  /** What runs now, if it does. */
  peek(): T | undefined;
  /** End it, and start it no more. */
  stop(): Promise<void>;
}

export interface KeepOptions<T> {
  name: string;
  start: () => Promise<T>;
  end: (running: T) => Promise<void>;
  /** Told of each end that nobody asked for, and of starts that fail. */
  say: (line: string) => void;
}

const PAUSE_MS_MIN = 100;
const PAUSE_MS_MAX = 10_000;
/** What ran so long had come up well: if it ends, that is a new matter. */
const STEADY_MS = 3_000;

/** Start something and keep it running; pauses grow while it does not stay up. If the first start fails, that is final. */
export function keep<T extends { readonly ended: Promise<unknown> }>({
  name,
  start,
  end,
  say,
}: KeepOptions<T>): Kept<T> {
  const stopping = new AbortController();
  let running: T | undefined;
  let next = promiseHeard<T>();
  let pauseMs = PAUSE_MS_MIN;

  const startAgain = async (): Promise<T | undefined> => {
    while (!stopping.signal.aborted) {
      await delay(pauseMs, undefined, { signal: stopping.signal }).catch(() => {});
      pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX);
      if (stopping.signal.aborted) break;
      try {
        return await start();
      } catch (error) {
        say(`${name} could not be started again: ${messageOf(error)}`);
      }
    }
    return undefined;
  };

  const loop = async (first: T) => {
    for (let started: T | undefined = first; started !== undefined; started = await startAgain()) {
      // Asked to stop while it was being started.
      if (stopping.signal.aborted) return end(started);
      const since = performance.now();
      running = started;
      next.resolve(started);
      await started.ended;
      running = undefined;
      next = promiseHeard<T>();
      if (stopping.signal.aborted) return;
      if (performance.now() - since > STEADY_MS) pauseMs = PAUSE_MS_MIN;
      say(`${name} ended and is started again`);
    }
  };
  const looping = start().then(loop, (error) => next.reject(error));

  return {
    name,
    now: () => next.promise,
    peek: () => running,
    async stop() {
      stopping.abort();
      if (running !== undefined) await end(running);
      await looping;
    },
  };
}

/** A promise whose rejection counts as heard, for it may come before anybody waits. */
function promiseHeard<T>(): PromiseWithResolvers<T> {
  const made = Promise.withResolvers<T>();
  made.promise.catch(() => {});
  return made;
}
