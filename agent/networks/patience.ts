import type { Clock } from '#shared/clock.ts';

/** Whether something that failed is to be tried again yet: ever later, while it fails in a row. */
export interface Patience {
  /** Why it failed, while it is too early to try it again. */
  problemOf(thing: string): string | undefined;
  failed(thing: string, problem: string): void;
  succeeded(thing: string): void;
  /** Milliseconds until the first of what failed may be tried again. */
  nextMs(): number;
  forget(): void;
}

const FIRST_MS = 1_000;
const LAST_MS = 60_000;

export function patience(clock: Pick<Clock, 'now'>): Patience {
  const failing = new Map<string, { problem: string; waitMs: number; untilMs: number }>();
  return {
    problemOf(thing) {
      const known = failing.get(thing);
      return known && known.untilMs > clock.now() ? known.problem : undefined;
    },
    failed(thing, problem) {
      const waitMs = Math.min(LAST_MS, (failing.get(thing)?.waitMs ?? FIRST_MS / 2) * 2);
      failing.set(thing, { problem, waitMs, untilMs: clock.now() + waitMs });
    },
    succeeded: (thing) => void failing.delete(thing),
    nextMs: () =>
      Math.max(
        0,
        Math.min(...[...failing.values()].map(({ untilMs }) => untilMs - clock.now()), Number.POSITIVE_INFINITY),
      ),
    forget: () => failing.clear(),
  };
}
