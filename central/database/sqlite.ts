import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { type SqliteDatabase, SqliteDialect, type SqliteStatement } from 'kysely';

const STATEMENTS_MAX = 500;

/**
 * Node's own SQLite (node:sqlite) as Kysely wants it. `synchronous=FULL`: what was committed is there after a power cut too.
 * The file is for this process alone, and for this user.
 *
 * @throws Error where the file cannot be used, or another process holds it
 */
export function sqliteDialect(file: string): SqliteDialect {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
  const database = new DatabaseSync(file);
  database.exec('PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;');
  holdAlone(database, file);
  return new SqliteDialect({ database: asKysely(database) });
}

/** Two centrals on one file would each take the other's work for work that was cut off. The file itself stays open for reading. */
function holdAlone(database: DatabaseSync, file: string): void {
  try {
    database.prepare('ATTACH ? AS alone').run(`${file}.lock`);
    database.exec('PRAGMA alone.journal_mode=OFF; PRAGMA alone.locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT;');
  } catch (error) {
    database.close();
    throw new Error('another central uses it', { cause: error });
  }
}

/** Statements are kept: the same few are asked again and again. */
function asKysely(database: DatabaseSync): SqliteDatabase {
  const kept = new Map<string, StatementSync>();
  const statementOf = (sql: string): StatementSync => {
    const known = kept.get(sql);
    if (known) return known;
    const statement = database.prepare(sql);
    if (kept.size >= STATEMENTS_MAX) kept.clear();
    kept.set(sql, statement);
    return statement;
  };
  return {
    close: () => database.close(),
    prepare: (sql) => {
      const statement = adapted(statementOf(sql));
      return sql === 'rollback' ? rollingBack(database, statement) : statement;
    },
  };
}

/**
 * Where the disk is full SQLite rolls back by itself (sqlite.org/lang_transaction.html): to do it again is an error, and would stand in
 * the place of the one that says why.
 */
const rollingBack = (database: DatabaseSync, statement: SqliteStatement): SqliteStatement => ({
  ...statement,
  run: (parameters) => (database.isTransaction ? statement.run(parameters) : { changes: 0, lastInsertRowid: 0 }),
});

const adapted = (statement: StatementSync): SqliteStatement => ({
  reader: statement.columns().length > 0,
  all: (parameters) => statement.all(...(parameters as SQLInputValue[])),
  run: (parameters) => statement.run(...(parameters as SQLInputValue[])),
  iterate: (parameters) => statement.iterate(...(parameters as SQLInputValue[])),
});
