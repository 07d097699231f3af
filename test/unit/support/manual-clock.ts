import type { Clock } from '#shared/clock.ts';

export interface ManualClock extends Clock {
  /** Move the time on, and do what falls due, in order; what that asks for falls due in the same move. */
  advance(ms: number): void;
  /** What still waits. */
  readonly waiting: number;
}

/** A clock that stands still until it is moved. */
export function manualClock(startMs = Date.UTC(2026, 0, 1)): ManualClock {
  let nowMs = startMs;
  let serial = 0;
  const due = new Map<number, { atMs: number; call: () => void }>();
  return {
    now: () => nowMs,
    after(ms, call) {
      const key = ++serial;
      due.set(key, { atMs: nowMs + Math.max(0, ms), call });
      return () => void due.delete(key);
    },
    advance(ms) {
      const untilMs = nowMs + ms;
      for (;;) {
        const next = [...due]
          .filter(([, { atMs }]) => atMs <= untilMs)
          .sort(([a, x], [b, y]) => x.atMs - y.atMs || a - b)[0];
        if (!next) break;
        due.delete(next[0]);
        nowMs = Math.max(nowMs, next[1].atMs);
        next[1].call();
      }
      nowMs = untilMs;
    },
    get waiting() {
      return due.size;
    },
  };
}
