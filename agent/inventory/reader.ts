import type { DriverGuest, GuestId, HypervisorDriver } from '#agent/drivers/driver.ts';
import { Failure } from '#shared/errors.ts';
import type { Difference, Entries } from './entries.ts';

/**
 * Reads guests from the driver into the entries, so that what is older never overwrites what is newer.
 *
 * Each thing that is heard of a guest (an event) gets a number. A read knows the number at which it began; what it
 * brings counts only for guests of which nothing was heard since. The others are read again.
 */
export interface Reader {
  /** Something was heard of this guest now: reads that have begun before do not count for it. */
  heard(id: GuestId): void;
  /** Read one guest until nothing was heard of it meanwhile; undefined: it is gone. */
  readOne(id: GuestId, signal: AbortSignal): Promise<void>;
  readAll(signal: AbortSignal): Promise<void>;
}

export interface ReaderDeps {
  driver: Pick<HypervisorDriver, 'listGuests' | 'readGuest'>;
  entries: Entries;
  differs(difference: Difference | undefined): void;
}

export function reader({ driver, entries, differs }: ReaderDeps): Reader {
  const heardAt = new Map<GuestId, number>();
  let serial = 0;
  let underWay = 0;

  const during = async <T>(work: (beganAt: number) => Promise<T>): Promise<T> => {
    underWay++;
    try {
      return await work(serial);
    } finally {
      if (--underWay === 0) heardAt.clear();
    }
  };
  const wasHeard = (id: GuestId, since: number): boolean => (heardAt.get(id) ?? 0) > since;

  const readGuest = async (id: GuestId, signal: AbortSignal): Promise<DriverGuest | undefined> => {
    try {
      return await driver.readGuest(id, signal);
    } catch (error) {
      if (error instanceof Failure && error.code === 'guest-not-found') return undefined;
      throw error;
    }
  };
  const take = (id: GuestId, guest: DriverGuest | undefined): void => {
    heardAt.set(id, ++serial);
    differs(guest ? entries.put(guest) : entries.remove(id));
  };

  const readOne = (id: GuestId, signal: AbortSignal): Promise<void> =>
    during(async () => {
      for (;;) {
        const beganAt = serial;
        const guest = await readGuest(id, signal);
        if (wasHeard(id, beganAt)) continue;
        return take(id, guest);
      }
    });

  return {
    heard: (id) => {
      heardAt.set(id, ++serial);
    },
    readOne,
    readAll: (signal) =>
      during(async (beganAt) => {
        const listed = new Map((await driver.listGuests(signal)).map((guest) => [guest.id, guest]));
        const overtaken = [...heardAt].filter(([, at]) => at > beganAt).map(([id]) => id);
        const isOvertaken = new Set(overtaken);
        for (const id of entries.ids()) if (!listed.has(id) && !isOvertaken.has(id)) take(id, undefined);
        for (const [id, guest] of listed) if (!isOvertaken.has(id)) take(id, guest);
        for (const id of overtaken) await readOne(id, signal);
      }),
  };
}
