import type { Clock } from '#shared/clock.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import type { Entity } from '#shared/xmpp/entity.ts';

const RENEW_MS = 5_000;
const AWAY_MS_MAX = 120_000;
const AWAY: ReadonlySet<Failure['code']> = new Set(['host-unreachable', 'no-answer', 'not-connected']);

export interface WatchingDeps {
  entity: Pick<Entity, 'onStatus'>;
  renew(): Promise<void>;
  note(text: string): void;
  clock: Clock;
}

/**
 * Renew the lease of a watch now and then, and when the connection is there again. An agent that is away is waited for, two minutes at
 * the most; then, or at any other failure, `broken` rejects.
 */
export function keepWatching({ entity, renew, note, clock }: WatchingDeps) {
  const broken = Promise.withResolvers<never>();
  // It is awaited later; until then a rejection is no fault of the program.
  broken.promise.catch(() => {});
  let callOff = (): void => {};
  let off = (): void => {};
  let hasEnded = false;
  let isAway = false;
  let heardAt = clock.now();

  const failed = (error: unknown): void => {
    // Whoever left does not wait for what was under way, and hears nothing of it.
    if (hasEnded) return;
    const mayComeBack = error instanceof Failure && AWAY.has(error.code);
    if (!mayComeBack || clock.now() - heardAt > AWAY_MS_MAX) broken.reject(error);
    else if (!isAway) note(`${messageOf(error)} Waiting`);
    isAway = true;
  };
  const next = (): void => {
    callOff();
    if (!hasEnded) callOff = clock.after(isAway ? RENEW_MS / 5 : RENEW_MS, () => void again());
  };
  const again = async (): Promise<void> => {
    callOff();
    try {
      await renew();
      if (isAway && !hasEnded) note('here again');
      isAway = false;
      heardAt = clock.now();
    } catch (error) {
      failed(error);
    }
    next();
  };
  return {
    broken: broken.promise,
    failed,
    begin(): void {
      next();
      off = entity.onStatus(({ status }) => {
        if (status !== 'offline') void again();
      });
    },
    end(): void {
      hasEnded = true;
      callOff();
      off();
    },
  };
}
