import type { Clock } from '#shared/clock.ts';

/** Who looks from which network now. A leg is made for who looks first, and serves all who look after. */
export interface HeldLooks {
  /** Until it is let go. */
  hold(look: string): Disposable;
  /** Whether nobody holds it, and nobody did for a while: people look again, and chains are run again. */
  isIdle(look: string): boolean;
}

export const IDLE_MS = 10 * 60_000;

/** By the ids of looks. Of who looked before this began nothing is known: they have as long to come back. */
export function heldLooks({ now }: Pick<Clock, 'now'>): HeldLooks {
  const holders = new Map<string, number>();
  const leftAt = new Map<string, number>();
  const beganAt = now();
  const letGo = (look: string): void => {
    const left = (holders.get(look) ?? 0) - 1;
    if (left > 0) return void holders.set(look, left);
    holders.delete(look);
    leftAt.set(look, now());
  };
  return {
    hold: (look) => {
      holders.set(look, (holders.get(look) ?? 0) + 1);
      let isHeld = true;
      return {
        [Symbol.dispose]: () => {
          if (isHeld) letGo(look);
          isHeld = false;
        },
      };
    },
    isIdle: (look) => !holders.has(look) && now() - (leftAt.get(look) ?? beganAt) >= IDLE_MS,
  };
}
