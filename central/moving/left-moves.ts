import { messageOf } from '#shared/errors.ts';
import type { Move } from './book.ts';
import { type EndingDeps, isFinalOfTarget, isForgotten, type Outcome, recalled, told } from './ending.ts';

export interface LeftMovesDeps extends EndingDeps {
  log: Record<'info' | 'warn', (fields: object, message: string) => void>;
  onBug(error: unknown): void;
}

const AGAIN_MS = 10_000;

/**
 * Moves that no job works on any more: their hosts were away when it was to be said how they ended, or the job's time was over. They
 * are brought to their end in the background, as soon as their hosts answer. Returns what ends that.
 */
export function endLeftMoves(deps: LeftMovesDeps): () => void {
  const { book, clock, log, onBug, stopping } = deps;
  let callOff = (): void => {};

  /** @returns undefined: the source does not say yet @throws Failure host-not-found */
  const outcomeOf = async (move: Move): Promise<Outcome | undefined> => {
    if (move.stayed) return 'stayed';
    const outcome = await recalled(deps, move).catch((error: unknown) => {
      if (isForgotten(error)) throw error;
      return undefined;
    });
    if (outcome === 'stayed') await book.stayed(move.id);
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
    await book.end(move.id);
  };
  const look = (): void => {
    if (stopping.aborted) return;
    callOff = clock.after(AGAIN_MS, look);
    for (const move of book.unclaimed()) {
      const release = book.claim(move.id);
      void settle(move).catch(onBug).finally(release);
    }
  };
  look();
  return () => callOff();
}
