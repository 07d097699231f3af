import { PostgresDialect } from 'kysely';
import pg from 'pg';

/** PostgreSQL's `bigint` comes as text, since it may be larger than a number; ours are counts and times in ms. */
const INT8 = 20;
const typed = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === INT8 && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format),
} as pg.CustomTypesConfig;

const CONNECTIONS_MAX = 8;

/** @param url `postgres://user:password@host/database` (libpq's connection URI) */
export function postgresDialect(url: string, onBug: (error: unknown) => void): PostgresDialect {
  const pool = new pg.Pool({ connectionString: url, max: CONNECTIONS_MAX, types: typed });
  // A connection that breaks while nobody uses it is taken out by the pool; without a listener it would end the process.
  pool.on('error', onBug);
  return new PostgresDialect({ pool });
}
