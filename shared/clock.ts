/** Time, as it is handed to whatever waits: tests have one that stands still until it is moved. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Call once, after so long. Returns what calls it off. */
  after(ms: number, call: () => void): () => void;
}

export const systemClock: Clock = {
  now: Date.now,
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};

/** Time that nobody sets: what lies between two readings of `now` is how long it was. It does not begin in 1970. */
export const steadyClock: Clock = { ...systemClock, now: () => performance.now() };

/** Wait so long, or until the signal fires: whoever has to tell the two apart asks the signal. */
export async function paused(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const over = (): void => resolve();
  const callOff = clock.after(ms, over);
  signal.addEventListener('abort', over, { once: true });
  try {
    await promise;
  } finally {
    callOff();
    signal.removeEventListener('abort', over);
  }
}
