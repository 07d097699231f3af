import { chmod, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { Failure, messageOf } from '#shared/errors.ts';
import type { BackupRecord } from '#shared/verbs/backup.ts';
import { stampOf, synced } from './files.ts';

const NAME = /^central-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z\.sqlite$/;

/** All pages in one step: a copy in several would begin anew with each write of central's in between. */
const PAGES = 0x7fff_ffff;

export interface Backups {
  /** Resolves when it is on the disk and was read back. @throws Failure host-space: there is none then */
  take(keep: number): Promise<BackupRecord>;
  /** The newest first. */
  list(): Promise<BackupRecord[]>;
}

/** Copies of a SQLite file that is in use (sqlite.org/backup.html). Central goes on meanwhile: it is copied by another thread. */
export function backupsOf(file: string, folder: string, now: () => number): Backups {
  const recordOf = async (name: string): Promise<BackupRecord> => {
    const path = join(folder, name);
    return { file: path, bytes: (await stat(path)).size, at: timeOf(name) };
  };
  const names = async (): Promise<string[]> =>
    (await readdir(folder).catch(() => []))
      .filter((name) => NAME.test(name))
      .sort()
      .reverse();

  return {
    list: async () => Promise.all((await names()).map(recordOf)),
    take: async (keep) => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const name = `central-${stampOf(now())}.sqlite`;
      const part = join(folder, `${name}.part`);
      try {
        await copy(file, part);
        await rename(part, join(folder, name));
        await synced(folder);
      } catch (error) {
        await rm(part, { force: true });
        throw error instanceof Failure
          ? error
          : new Failure('host-space', { problem: messageOf(error) }, { cause: error });
      }
      for (const old of (await names()).slice(keep)) await rm(join(folder, old));
      return recordOf(name);
    },
  };
}

async function copy(from: string, to: string): Promise<void> {
  const source = new DatabaseSync(from, { readOnly: true });
  try {
    await backup(source, to, { rate: PAGES });
  } finally {
    source.close();
  }
  await chmod(to, 0o600);
  await synced(to);
  checkDatabase(to);
}

/** @throws Failure host-output: it is not a whole database of central */
export function checkDatabase(file: string): void {
  let problem: string | undefined;
  try {
    const database = new DatabaseSync(file, { readOnly: true });
    try {
      const found = database.prepare('PRAGMA quick_check(1)').get()?.quick_check;
      if (found !== 'ok') problem = String(found);
      database.prepare('SELECT count(*) FROM audit').get();
    } finally {
      database.close();
    }
  } catch (error) {
    problem = messageOf(error);
  }
  if (problem !== undefined) throw new Failure('host-output', { problem: `${file}: ${problem}` });
}

const timeOf = (name: string): string => name.replace(NAME, '$1-$2-$3T$4:$5:$6.$7Z');
