import type { Clock } from '#shared/clock.ts';
import { spokenMs } from '#shared/model/duration.ts';
import { bad, type Look, type Verdict } from './look.ts';

/** Lets so many in at once; the others wait in the order in which they came. */
export interface Gate {
  /** Resolves with what lets the next one in. @throws the signal's reason */
  enter(signal: AbortSignal): Promise<() => void>;
}

export function gate(atOnce: number): Gate {
  const waiting = new Set<() => void>();
  let inside = 0;
  const leave = (): void => {
    inside--;
    const [next] = waiting;
    if (next) next();
  };
  return {
    enter: async (signal) => {
      signal.throwIfAborted();
      if (inside >= atOnce) {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        const onAbort = (): void => {
          waiting.delete(enter);
          reject(signal.reason);
        };
        const enter = (): void => {
          waiting.delete(enter);
          signal.removeEventListener('abort', onAbort);
          inside++;
          resolve();
        };
        waiting.add(enter);
        signal.addEventListener('abort', onAbort, { once: true });
        await promise;
      } else inside++;
      return leave;
    },
  };
}

export interface LimitedDeps {
  gate: Gate;
  clock: Clock;
  onBug(error: unknown): void;
}

/** A look that was had, and when it began: not when it had to wait. */
export interface Looked {
  verdict: Verdict;
  began: number;
}

/** A look under way: what it found, at its time limit at the latest, and when all of it has ended. */
export interface Looking {
  looked: Promise<Looked>;
  over: Promise<void>;
}

/**
 * Look when the gate lets in, and no longer than the limit. The place at the gate is left when the look has ended, not before: one that
 * does not hear its signal would otherwise pile up.
 */
export function limited(
  look: Look,
  limitMs: number,
  { gate: by, clock, onBug }: LimitedDeps,
  signal: AbortSignal,
): Looking {
  const given = Promise.withResolvers<Looked>();
  const run = async (): Promise<void> => {
    const leave = await by.enter(signal);
    const began = clock.now();
    const give = (verdict: Verdict): void => given.resolve({ verdict, began });
    // Not AbortSignal.any: what it makes is kept for as long as its sources, and `signal` lives as long as the probe.
    const own = new AbortController();
    const onAbort = (): void => own.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const callOff = clock.after(limitMs, () => {
      give(bad(`timed out after ${spokenMs(limitMs)}`));
      own.abort(new Error('the look took too long'));
    });
    try {
      give(await look(own.signal));
    } catch (error) {
      if (!own.signal.aborted) onBug(error);
      give(bad('the look itself failed: it is in the log of the agent'));
    } finally {
      signal.removeEventListener('abort', onAbort);
      callOff();
      leave();
    }
  };
  // Called off while it waited at the gate: nobody waits for the verdict.
  const over = run().catch(() => given.resolve({ verdict: bad('it was called off'), began: clock.now() }));
  return { looked: given.promise, over };
}

/** From a second to five, and never longer than the pause between two looks. */
export const limitOf = (everyMs: number): number => Math.max(1_000, Math.min(5_000, everyMs));
