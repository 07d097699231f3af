import { messageOf } from '#shared/errors.ts';
import type { Move, Outcome } from './book.ts';
import { type EndingDeps, isFinalOfTarget, isForgotten, recalled, told } from './ending.ts';

export interface LeftMovesDeps extends EndingDeps {
  log: Record<'info' | 'warn', (fields: object, message: string) => void>;
  onBug(error: unknown): void;
}

const AGAIN_MS = 10_000;
/** By then the end of the job of a move that was told is written, or nothing can be. */
const KEPT_MS = 3_600_000;

/**
 * Moves that no job works on any more: their hosts were away when it was to be said how they ended, or the job's time was over. They
 * are brought to their end in the background, as soon as their hosts answer. Returns what ends that.
 */
export function endLeftMoves(deps: LeftMovesDeps): () => void {
  const { book, clock, log, onBug, stopping } = deps;
  let callOff = (): void => {};

  /** @returns undefined: the source does not say yet @throws Failure host-not-found */
  const outcomeOf = async (move: Move): Promise<Outcome | undefined> => {
    if (move.outcome) return move.outcome;
    const outcome = await recalled(deps, move).catch((error: unknown) => {
      if (isForgotten(error)) throw error;
      return undefined;
    });
    if (outcome) await book.put(move.id, { outcome });
    return outcome;
  };
  const settle = async (move: Move): Promise<void> => {
    const fields = { guest: move.contact, from: move.from, to: move.to };
    try {
      const outcome = await outcomeOf(move);
      if (outcome === undefined) return;
      await told(deps, move, outcome);
      log.info({ ...fields, outcome }, 'a move that was left was ended');
    } catch (error) {
      if (!isFinalOfTarget(error)) return;
      log.warn(
        { ...fields, problem: messageOf(error) },
        'a move that was left cannot be ended: see to the guest by hand',
      );
    }
    await book.forget(move.id);
  };
  const tend = async (move: Move, isFirst: boolean): Promise<void> => {
    if (move.toldAtMs === undefined) await settle(move);
    else if (isFirst || clock.now() - move.toldAtMs > KEPT_MS) await book.forget(move.id);
  };
  const look = (isFirst: boolean): void => {
    if (stopping.aborted) return;
    callOff = clock.after(AGAIN_MS, () => look(false));
    for (const move of book.unclaimed()) {
      const release = book.claim(move.id);
      void tend(move, isFirst).catch(onBug).finally(release);
    }
  };
  // No job goes on with those that nobody has claimed by now.
  look(true);
  return () => callOff();
}
