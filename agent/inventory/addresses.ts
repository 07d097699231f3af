import type { GuestId, HypervisorDriver } from '#agent/drivers/driver.ts';
import type { Clock } from '#shared/clock.ts';

/**
 * Looks for the addresses of guests in the background: a guest is asked some seconds after it has started, ever less often
 * until it has one, and then now and again, since a lease may change.
 */
export interface AddressSeeker {
  /** Begin to ask, anew if it was asked before. */
  seek(id: GuestId): void;
  forget(id: GuestId): void;
  stop(): void;
}

export interface AddressDeps {
  driver: Pick<HypervisorDriver, 'readAddresses'>;
  clock: Clock;
  found(id: GuestId, addresses: readonly string[]): void;
}

const DELAYS_S: readonly number[] = [1, 2, 3, 5, 8, 15, 30, 60, 120];
const AGAIN_S = 300;
const AT_ONCE_MAX = 4;
const ASK_MS_MAX = 10_000;

export function addressSeeker({ driver, clock, found }: AddressDeps): AddressSeeker {
  const plans = new Map<GuestId, { callOff: () => void }>();
  const stopping = new AbortController();
  const waiting: (() => void)[] = [];
  let asking = 0;

  const plan = (id: GuestId, tries: number, delayS: number): void => {
    const mine = { callOff: () => {} };
    mine.callOff = clock.after(delayS * 1000, () => {
      waiting.push(() => void ask(id, tries, mine));
      next();
    });
    plans.set(id, mine);
  };
  const next = (): void => {
    while (asking < AT_ONCE_MAX) {
      const turn = waiting.shift();
      if (!turn) return;
      turn();
    }
  };
  const ask = async (id: GuestId, tries: number, mine: object): Promise<void> => {
    if (plans.get(id) !== mine) return;
    asking++;
    // A guest that cannot be asked has no address that is known; the next time may be better.
    const limit = AbortSignal.any([stopping.signal, AbortSignal.timeout(ASK_MS_MAX)]);
    const addresses = await driver.readAddresses?.(id, limit).catch(() => []);
    asking--;
    next();
    if (plans.get(id) !== mine || !addresses) return;
    found(id, addresses);
    const delayS = addresses.length > 0 ? AGAIN_S : (DELAYS_S[tries + 1] ?? AGAIN_S);
    plan(id, tries + 1, delayS);
  };
  const forget = (id: GuestId): void => {
    plans.get(id)?.callOff();
    plans.delete(id);
  };

  return {
    seek(id) {
      if (!driver.readAddresses) return;
      forget(id);
      plan(id, 0, DELAYS_S[0] ?? AGAIN_S);
    },
    forget,
    stop() {
      stopping.abort();
      for (const id of [...plans.keys()]) forget(id);
      waiting.length = 0;
    },
  };
}
