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
