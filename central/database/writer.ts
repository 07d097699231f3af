import { setImmediate } from 'node:timers/promises';
import type { Transaction } from 'kysely';
import { failpoint } from './failpoint.ts';
import { type Database, writing } from './open.ts';
import type { Tables } from './schema.ts';

export type Writes = (transaction: Transaction<Tables>) => Promise<void>;

export interface Writer {
  /** Resolves when it is on the disk. @throws Failure host-space: nothing of it was written */
  write(writes: Writes): Promise<void>;
  /** Resolves when nothing waits to be written. */
  settled(): Promise<void>;
}

/**
 * Many small writes in few transactions: what comes while one is being written goes into the next. So a thousand agents that report
 * at once wait for a few syncs of the disk, not for a thousand.
 *
 * Where a transaction fails, each of its writes is tried alone, so that one that cannot be written does not take the others along.
 */
export function groupWriter(database: Database, isDue = failpoint(process.env.SKERRY_FAILPOINT)): Writer {
  let commits = 0;
  let waiting: { writes: Writes; resolve(): void; reject(error: unknown): void }[] = [];
  let running: Promise<void> | undefined;

  const commit = async (all: readonly Writes[]): Promise<void> => {
    const n = ++commits;
    await writing(() =>
      database.transaction().execute(async (transaction) => {
        for (const writes of all) await writes(transaction);
        isDue('before', n);
      }),
    );
    isDue('after', n);
  };
  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      // What came in the same packet, or while the last one was being written, is taken along.
      await setImmediate();
      const group = waiting;
      waiting = [];
      try {
        await commit(group.map(({ writes }) => writes));
        for (const { resolve } of group) resolve();
      } catch {
        for (const { writes, resolve, reject } of group) await commit([writes]).then(resolve, reject);
      }
    }
    running = undefined;
  };

  return {
    write: (writes) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      waiting.push({ writes, resolve, reject });
      running ??= drain();
      return promise;
    },
    settled: async () => {
      while (running) await running;
    },
  };
}
