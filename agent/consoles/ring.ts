/** The newest bytes of a stream, by their place in the whole of it. */
export interface Ring {
  /** The oldest byte that is kept. */
  readonly start: number;
  /** Behind the newest. */
  readonly end: number;
  append(bytes: Uint8Array): void;
  /** A copy; what is not kept is left out. */
  slice(from: number, to?: number): Buffer;
}

const FIRST_BYTES = 1024;

/** Grows with what is written, up to twice what is kept, so that a thousand quiet consoles cost little. */
export function ring(keepBytes: number): Ring {
  let data = Buffer.alloc(0);
  let used = 0;
  let end = 0;

  const makeRoom = (wanted: number): void => {
    const kept = Math.min(used, Math.max(0, keepBytes - wanted));
    const needed = kept + wanted;
    const size = Math.min(2 * keepBytes, Math.max(FIRST_BYTES, 2 * data.length, needed));
    const grown = size > data.length ? Buffer.alloc(size) : data;
    data.copy(grown, 0, used - kept, used);
    data = grown;
    used = kept;
  };

  return {
    get start() {
      return end - Math.min(used, keepBytes);
    },
    get end() {
      return end;
    },
    append(bytes) {
      const kept = bytes.subarray(-keepBytes);
      if (used + kept.length > data.length) makeRoom(kept.length);
      data.set(kept, used);
      used += kept.length;
      end += bytes.length;
    },
    slice(from, to = end) {
      const base = end - used;
      const first = Math.max(from, end - Math.min(used, keepBytes));
      const last = Math.min(to, end);
      return first >= last ? Buffer.alloc(0) : Buffer.from(data.subarray(first - base, last - base));
    },
  };
}
