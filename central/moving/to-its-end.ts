/** How a move comes to its end while its job works on it: the source is asked how it ended, and the target is told. */
import { paused } from '#shared/clock.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import type { Call } from '#shared/verb/request.ts';
import type { Move, Outcome } from './book.ts';
import { type EndingDeps, isFinalOfTarget, isForgotten, recalled, told } from './ending.ts';

/** How far a move may have come: what has to be taken back depends on it. */
export type Reach = 'begun' | 'awaited' | 'sent';

export interface MovingNow {
  move: Move;
  call: Call;
  reach: Reach;
}

const AGAIN_MS = 3_000;
/** So long a job waits for a target to hear that the guest stayed; after that it is told in the background. */
const STAYED_MS = 60_000;

/** Where the guest is: asked of the source, until it says so, if it may have begun to send. */
export async function outcomeOf(deps: EndingDeps, { move, call, reach }: MovingNow): Promise<Outcome> {
  if (reach !== 'sent') return 'stayed';
  for (;;) {
    try {
      return await recalled(deps, move);
    } catch (error) {
      if (isForgotten(error)) {
        await deps.book.forget(move.id).catch(() => {});
        throw error;
      }
      const why = messageOf(error).replace(/\.$/, '');
      call.progress(`${move.from} does not say where the guest is (${why}); what has come stands still until then`);
    }
    await againLater(deps);
  }
}

/** Whether the job was cancelled makes no difference any more: only that central stops. */
async function againLater({ clock, stopping }: EndingDeps): Promise<void> {
  await paused(clock, AGAIN_MS, stopping);
  stopping.throwIfAborted();
}

/** Say to the target that it does not come, for a while; it is in the book until it has heard. @throws Failure guest-wrong-state */
export async function sayStayed(deps: EndingDeps, { move, reach }: MovingNow, reason: unknown): Promise<void> {
  const { clock } = deps;
  const why = reason instanceof Failure ? { code: reason.code, details: reason.details } : undefined;
  const ended = { outcome: 'stayed', ...(why ? { why } : {}) } as const;
  if (reach === 'begun') return written(deps, move, { ...ended, toldAtMs: clock.now() });
  await written(deps, move, ended);
  for (const began = clock.now(); clock.now() - began < STAYED_MS; await againLater(deps)) {
    try {
      await told(deps, move, 'stayed');
      return await written(deps, move, { ...ended, toldAtMs: clock.now() });
    } catch (error) {
      if (!isFinalOfTarget(error)) continue;
      await written(deps, move, { ...ended, toldAtMs: clock.now() });
      throw error;
    }
  }
}

/** Say to the target that it came, until it has heard. @throws Failure guest-not-found: it is not there either */
export async function sayCame(deps: EndingDeps, move: Move, call: Call): Promise<void> {
  const { clock } = deps;
  for (;;) {
    try {
      await told(deps, move, 'came');
      return await written(deps, move, { outcome: 'came', toldAtMs: clock.now() });
    } catch (error) {
      if (isFinalOfTarget(error)) {
        await deps.book.forget(move.id).catch(() => {});
        throw error;
      }
      call.progress(`it has come to ${move.to}, which does not answer; waiting for it`);
    }
    await againLater(deps);
  }
}

/** Where there is no room to write it, it is found out and said once more in the background: that changes nothing. */
const written = ({ book }: EndingDeps, { id }: Move, known: Parameters<typeof book.put>[1]): Promise<void> =>
  book.put(id, known).catch(() => {});
