import type { MoveBook } from './book.ts';
import { endLeftMoves, type LeftMovesDeps } from './left-moves.ts';

export type MovingDeps = Omit<LeftMovesDeps, 'stopping'>;

/** Guests of the site that are on their way. */
export interface Moving {
  book: MoveBook;
  /** Fires when central stops: who works on a move leaves it to the next life. */
  stopping: AbortSignal;
  /** Bring to their end what earlier jobs left. Those that go on have claimed theirs before. */
  endLeft(): void;
  stop(): void;
}

export function siteMoving(deps: MovingDeps): Moving {
  const stopping = new AbortController();
  const { signal } = stopping;
  return {
    book: deps.book,
    stopping: signal,
    endLeft: () => {
      const end = endLeftMoves({ ...deps, stopping: signal });
      signal.addEventListener('abort', end, { once: true });
    },
    stop: () => stopping.abort(new Error('central stops')),
  };
}
