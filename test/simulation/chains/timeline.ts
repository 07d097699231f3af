/** What is to happen, by virtual time; what is planned for the same time happens in the order it was planned. */
export interface Timeline {
  /** Virtual time, ms. It never steps; the clock that central reads may. */
  readonly now: number;
  in(ms: number, act: () => void): void;
  /** Do all that is planned up to a time, or until something is so. */
  runUntil(ms: number, isSo?: () => boolean): void;
  /** How much is planned. */
  readonly size: number;
}

interface Planned {
  at: number;
  order: number;
  act: () => void;
}

export function timeline(): Timeline {
  const heap: Planned[] = [];
  const state = { now: 0, order: 0 };
  const isBefore = (a: Planned, b: Planned): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

  function add(planned: Planned): void {
    let at = heap.push(planned) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (!isBefore(planned, heap[up] as Planned)) break;
      heap[at] = heap[up] as Planned;
      at = up;
    }
    heap[at] = planned;
  }

  function next(): Planned | undefined {
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      if (down >= heap.length) break;
      if (down + 1 < heap.length && isBefore(heap[down + 1] as Planned, heap[down] as Planned)) down++;
      if (!isBefore(heap[down] as Planned, last)) break;
      heap[at] = heap[down] as Planned;
      at = down;
    }
    heap[at] = last;
    return first;
  }

  return {
    get now() {
      return state.now;
    },
    get size() {
      return heap.length;
    },
    in: (ms, act) => add({ at: state.now + Math.max(0, ms), order: state.order++, act }),
    runUntil(ms, isSo = () => false) {
      while (!isSo() && (heap[0]?.at ?? Number.POSITIVE_INFINITY) <= ms) {
        const planned = next() as Planned;
        state.now = planned.at;
        planned.act();
      }
      if (!isSo()) state.now = Math.max(state.now, ms);
    },
  };
}
