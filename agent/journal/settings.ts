import type { DatabaseSync } from 'node:sqlite';
import { writing } from './database.ts';

/** Small things that the agent keeps over restarts. @throws Failure host-space, whatever writes */
export function settings(database: DatabaseSync) {
  const find = database.prepare('SELECT value FROM settings WHERE key = ?');
  const upsert = database.prepare(
    'INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
  );
  return {
    get: (key: string): string | undefined => (find.get(key) as { value: string } | undefined)?.value,
    set: (key: string, value: string): void => void writing(() => upsert.run(key, value)),
  };
}

export type Settings = ReturnType<typeof settings>;

/** The number of this run of the agent: larger than all before, also where the clock went back, or the database is new. */
export function nextEpoch(kept: Settings, now: number): number {
  const epoch = Math.max(now, Number(kept.get('epoch') ?? 0) + 1);
  kept.set('epoch', String(epoch));
  return epoch;
}
