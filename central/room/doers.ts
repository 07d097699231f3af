import type { Clock } from '#shared/clock.ts';

/** What a guest is said to be when a verb has had its effect. */
const MAKES: Readonly<Record<string, string>> = {
  'guest.start': 'running',
  'guest.resume': 'running',
  'guest.suspend': 'paused',
  'guest.shutdown': 'shut off',
  'guest.poweroff': 'shut off',
  'guest.delete': 'gone',
};
/** The host's report may come so much later than its answer. */
const REPORT_MS = 5_000;

/** Who had central change which guest, so that the room can say so. Whoever asks a host directly is not known here. */
export interface Doers {
  /** Do it; what comes of the guest meanwhile, and right after where it went well, is this requester's doing. */
  during<T>(guest: string, verb: string, by: string, work: () => Promise<T>): Promise<T>;
  /** Bare JID; undefined where a guest has become so by itself, as far as is known. */
  of(guest: string, what: string): string | undefined;
}

export function doers(clock: Clock): Doers {
  const known = new Map<string, string>();
  return {
    during: async (guest, verb, by, work) => {
      const what = MAKES[verb];
      if (what === undefined) return work();
      const key = keyOf(guest, what);
      known.set(key, by);
      const forget = (): void => {
        if (known.get(key) === by) known.delete(key);
      };
      try {
        const value = await work();
        clock.after(REPORT_MS, forget);
        return value;
      } catch (error) {
        forget();
        throw error;
      }
    },
    of: (guest, what) => known.get(keyOf(guest, what)),
  };
}

const keyOf = (guest: string, what: string): string => JSON.stringify([guest, what]);
