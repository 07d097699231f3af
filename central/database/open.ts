import { Kysely } from 'kysely';
import { Migrator } from 'kysely/migration';
import { Failure, messageOf } from '#shared/errors.ts';
import { migrations } from './migrations.ts';
import { postgresDialect } from './postgres.ts';
import type { Tables } from './schema.ts';
import { sqliteDialect } from './sqlite.ts';

export type Database = Kysely<Tables>;

/** What is known is not sure to be what is kept any more: the process ends, and knows it when it begins again. */
const endProcess = (error: Error): never => {
  throw error;
};

/**
 * Open central's database, and bring its tables up to date.
 *
 * @param place a file for SQLite, or `postgres://…`
 * @param onLost the database is not this process's alone any more: it may write nothing from now on. Unless given, an uncaught error
 * @throws Failure config-invalid: it cannot be used, as when another central holds it or a newer one wrote it
 */
export async function openDatabase(
  place: string,
  onBug: (error: unknown) => void,
  onLost: (error: Error) => void = endProcess,
): Promise<Database> {
  try {
    const dialect = isPostgres(place) ? postgresDialect(place, { onBug, onLost }) : sqliteDialect(place);
    const database = new Kysely<Tables>({ dialect });
    const { error } = await new Migrator({ db: database, provider: migrations }).migrateToLatest();
    if (error === undefined) return database;
    await database.destroy();
    throw error;
  } catch (error) {
    const problem = `the database cannot be used: ${messageOf(error)}`;
    throw new Failure('config-invalid', { file: withoutPassword(place), problem }, { cause: error });
  }
}

const isPostgres = (place: string): boolean => /^postgres(ql)?:\/\//.test(place);

const withoutPassword = (place: string): string => place.replace(/(:\/\/[^:@/]*):[^@/]*@/, '$1:***@');

/** SQLite's result codes (sqlite.org/rescode.html) and PostgreSQL's class 53 for want of room. */
const SQLITE_IOERR = 10;
const SQLITE_FULL = 13;
const NO_ROOM_IN_POSTGRES = /^53/;

/** Run statements; a full disk is told as what it is. @throws Failure host-space: nothing was written */
export async function writing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isNoRoom(error)) throw error;
    throw new Failure('host-space', { problem: messageOf(error) }, { cause: error });
  }
}

function isNoRoom(error: unknown): boolean {
  const { errcode, code } = error as { errcode?: number; code?: unknown };
  const sqlite = (errcode ?? 0) & 0xff;
  return sqlite === SQLITE_FULL || sqlite === SQLITE_IOERR || NO_ROOM_IN_POSTGRES.test(String(code ?? ''));
}
