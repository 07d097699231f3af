import { existsSync } from 'node:fs';
import { chmod, copyFile, rename, rm } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { Failure } from '#shared/errors.ts';
import { checkDatabase } from './backup.ts';
import { stampOf, synced } from './files.ts';
import { openDatabase } from './open.ts';

/**
 * Put a backup in the place of central's database; what was there is kept beside it. Hosts are asked for snapshots afterwards, since
 * their reports have gone on; what people did since the backup (grants, schedules, tags, the audit trail) is as it was then.
 *
 * @returns where the database that was there is now; undefined, where there was none
 * @throws Failure config-invalid: central runs, or the backup is of a newer central; host-output: it is no whole backup
 */
export async function restore(backup: string, file: string, now: number): Promise<string | undefined> {
  if (!existsSync(backup)) throw new Failure('config-invalid', { file: backup, problem: 'there is no such file' });
  checkDatabase(backup);
  const restoring = `${file}.restoring`;
  await copyFile(backup, restoring);
  await chmod(restoring, 0o600);
  // Migrates it, and so finds out whether this central can read it.
  await (await openDatabase(restoring, () => {})).destroy();
  await forgetLock(restoring);
  await synced(restoring);
  const before = existsSync(file) ? `${file}.before-${stampOf(now)}` : undefined;
  if (before !== undefined) await setAside(file, before);
  await rename(restoring, file);
  return before;
}

/** It is held while it is moved: a central that runs keeps it, and nothing is done. */
async function setAside(file: string, before: string): Promise<void> {
  const held = await openDatabase(file, () => {});
  try {
    // All of it is in one file then, and the file can be moved.
    const database = new DatabaseSync(file);
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    database.close();
    await rename(file, before);
  } finally {
    await held.destroy();
  }
  for (const end of ['-wal', '-shm']) await rm(`${file}${end}`, { force: true });
}

async function forgetLock(file: string): Promise<void> {
  for (const end of ['.lock', '-wal', '-shm']) await rm(`${file}${end}`, { force: true });
}
