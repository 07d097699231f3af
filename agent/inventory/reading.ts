import type { GuestId } from '#agent/drivers/driver.ts';
import type { Entries } from './entries.ts';
import type { Reader } from './reader.ts';

/** Which reads are under way, so that nothing is read twice at once. */
export interface Reading {
  /** Read a guest; one that is being read begins again by itself, if it was heard of. `isThere`: something says it exists. */
  one(id: GuestId, isThere: boolean): Promise<void>;
  /** Read everything, after what is being read of everything now. */
  all(): Promise<void>;
  /** Resolves when nothing is being read. */
  settled(): Promise<void>;
}

export interface ReadingDeps {
  reader: Reader;
  entries: Entries;
  limit(): AbortSignal;
  /** What is known may be old from now on. */
  failed(problem: Error): void;
}

export function reading({ reader, entries, limit, failed }: ReadingDeps): Reading {
  const ones = new Map<GuestId, { done: Promise<void>; isThere: boolean }>();
  let full: Promise<void> | undefined;
  let isFullWanted = false;

  const allWanted = async (): Promise<void> => {
    while (isFullWanted) {
      isFullWanted = false;
      await reader.readAll(limit());
    }
  };
  // Never two at once: the older could bring back what the newer knows to be gone.
  const all = (): Promise<void> => {
    isFullWanted = true;
    if (full) return full;
    full = allWanted().finally(() => {
      full = undefined;
    });
    full.catch(failed);
    return full;
  };
  const one = (id: GuestId, isThere: boolean): Promise<void> => {
    const current = ones.get(id);
    if (current) {
      current.isThere ||= isThere;
      return current.done;
    }
    const mine = { done: Promise.resolve(), isThere };
    ones.set(id, mine);
    mine.done = reader.readOne(id, limit()).finally(() => {
      ones.delete(id);
      // The name may have gone over to another guest, whose id no event has told.
      if (mine.isThere && !entries.get(id)) all().catch(() => {});
    });
    mine.done.catch(failed);
    return mine.done;
  };

  return {
    one,
    all,
    settled: async () => {
      while (ones.size > 0 || full) await Promise.allSettled([full, ...[...ones.values()].map(({ done }) => done)]);
    },
  };
}
