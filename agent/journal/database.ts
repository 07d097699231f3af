import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs';
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
  // The digest of the arguments stands for them, so that secrets need not be kept; a job is found by its operation.
  `ALTER TABLE operations ADD COLUMN digest TEXT;
   ALTER TABLE jobs ADD COLUMN asker TEXT AS (json_extract(requester, '$.bareJid')) VIRTUAL;
   CREATE INDEX jobs_operation ON jobs (asker, operation);`,
  'CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;',
];

/** Tables that are small, and that nothing may be lost of: looked through at every start. */
const CHECKED_TABLES = ['operations', 'jobs'];

/**
 * Open the agent's database, for this process alone. `synchronous=FULL`: what was written before an effect is there after a
 * power cut too. A file that is damaged is said to be, and is never replaced by an empty one.
 *
 * @throws Failure config-invalid
 */
export function openDatabase(file: string): DatabaseSync {
  try {
    makeFile(file);
    const database = new DatabaseSync(file);
    try {
      return prepared(database, file);
    } catch (error) {
      database.close();
      throw error;
    }
  } catch (error) {
    const problem = `the database cannot be used: ${messageOf(error)}`;
    throw new Failure('config-invalid', { file, problem }, { cause: error });
  }
}

/** The journal tells what people did: nobody else reads it. SQLite gives its other files the mode of this one. */
function makeFile(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
  const wal = statSync(`${file}-wal`, { throwIfNoEntry: false });
  if (statSync(file).size === 0 && (wal?.size ?? 0) > 0)
    throw new Error(`it is empty, and ${file}-wal is not: put it back, or take both away to begin anew`);
}

function prepared(database: DatabaseSync, file: string): DatabaseSync {
  database.exec('PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;');
  holdAlone(database, file);
  const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number };
  if (version > MIGRATIONS.length)
    throw new Error(`it was written by a newer version (${version}; this one knows ${MIGRATIONS.length})`);
  MIGRATIONS.slice(version).forEach((step, at) => {
    inTransaction(database, () => database.exec(`${step} PRAGMA user_version=${version + at + 1};`));
  });
  for (const table of CHECKED_TABLES) {
    const { quick_check: verdict } = database.prepare(`PRAGMA quick_check(${table})`).get() as { quick_check: string };
    if (verdict !== 'ok') throw new Error(`it is damaged: ${verdict}`);
  }
  return database;
}

/**
 * Two agents on one journal would each take the other's work in hand for work that was cut off. So one holds a second, empty
 * database locked as long as it lives; the journal itself stays open for reading.
 */
function holdAlone(database: DatabaseSync, file: string): void {
  try {
    database.prepare('ATTACH ? AS alone').run(`${file}.lock`);
    database.exec('PRAGMA alone.journal_mode=OFF; PRAGMA alone.locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT;');
  } catch (error) {
    if (isCode(error, SQLITE_BUSY)) throw new Error('another agent uses it', { cause: error });
    throw error;
  }
}

/** Result codes: sqlite.org/rescode.html. */
const SQLITE_BUSY = 5;
const SQLITE_IOERR = 10;
const SQLITE_FULL = 13;
const isCode = (error: unknown, ...codes: number[]): boolean =>
  codes.includes(((error as { errcode?: number }).errcode ?? 0) & 0xff);

/** Run statements; a full disk is told as what it is. @throws Failure host-space: nothing was written */
export function writing<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (isCode(error, SQLITE_FULL, SQLITE_IOERR))
      throw new Failure('host-space', { problem: messageOf(error) }, { cause: error });
    throw error;
  }
}

/** All of it or nothing. @throws Failure host-space: nothing was written */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  return writing(() => {
    database.exec('BEGIN IMMEDIATE');
    try {
      const value = work();
      database.exec('COMMIT');
      return value;
    } catch (error) {
      // SQLite takes some transactions back by itself, as when the disk is full.
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  });
}
