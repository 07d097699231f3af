import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Failure, messageOf } from '#shared/errors.ts';

/** One step a version; `user_version` says which have been done. Never change one that was released. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE operations (
     requester TEXT NOT NULL, id TEXT NOT NULL, verb TEXT NOT NULL, args TEXT NOT NULL, surface TEXT NOT NULL,
     before TEXT NOT NULL, began_at TEXT NOT NULL, recorded TEXT, ended_at TEXT, PRIMARY KEY (requester, id)) STRICT;
   CREATE INDEX operations_open ON operations (requester) WHERE recorded IS NULL;
   CREATE INDEX operations_began ON operations (began_at);
   CREATE TABLE audit (seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, record TEXT NOT NULL) STRICT;
   CREATE TABLE jobs (
     n INTEGER PRIMARY KEY AUTOINCREMENT, state TEXT NOT NULL, job TEXT NOT NULL, args TEXT NOT NULL, requester TEXT NOT NULL,
     surface TEXT NOT NULL, operation TEXT NOT NULL) STRICT;
   CREATE INDEX jobs_state ON jobs (state);`,
];

/**
 * Open the agent's database. `synchronous=FULL`: what was written before an effect is there after a power cut too.
 * A file that is damaged is said to be, and is never replaced by an empty one.
 *
 * @throws Failure config-invalid
 */
export function openDatabase(file: string): DatabaseSync {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const database = new DatabaseSync(file);
    database.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000;');
    const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number };
    if (version > MIGRATIONS.length) {
      throw new Error(`it was written by a newer version (${version}; this one knows ${MIGRATIONS.length})`);
    }
    MIGRATIONS.slice(version).forEach((step, at) => {
      database.exec(`BEGIN; ${step} PRAGMA user_version=${version + at + 1}; COMMIT;`);
    });
    return database;
  } catch (error) {
    throw new Failure(
      'config-invalid',
      { file, problem: `the database cannot be used: ${messageOf(error)}` },
      { cause: error },
    );
  }
}

/** SQLITE_FULL and SQLITE_IOERR (sqlite.org/rescode.html): nothing was written. */
const NO_ROOM: ReadonlySet<number> = new Set([13, 10]);

/** Run a statement; a full disk is told as what it is. @throws Failure host-space */
export function writing<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const code = (error as { errcode?: number }).errcode;
    if (code !== undefined && NO_ROOM.has(code & 0xff))
      throw new Failure('host-space', { problem: messageOf(error) }, { cause: error });
    throw error;
  }
}
