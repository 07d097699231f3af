import { setTimeout as pause } from 'node:timers/promises';
import { PostgresDialect } from 'kysely';
import pg from 'pg';

/** PostgreSQL's `bigint` comes as text, since it may be larger than a number; ours are counts and times in ms. */
const INT8 = 20;
const typed = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === INT8 && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format),
} as pg.CustomTypesConfig;

const CONNECTIONS_MAX = 8;
/** Of an advisory lock: a number that nobody else in the same database should use. */
const LOCK = 0x736b_6572;
const LOCK_WAIT_MS = 5_000;
const LOCK_LOOK_MS = 100;

export interface PostgresTrouble {
  onBug(error: unknown): void;
  /** The database is not ours alone any more, since the connection that held it is lost: nothing may be written from now on. */
  onLost(error: Error): void;
}

/**
 * @param url `postgres://user:password@host/database` (libpq's connection URI)
 * @throws Error at the first use: the server cannot be reached, or another central uses the database
 */
export function postgresDialect(url: string, { onBug, onLost }: PostgresTrouble): PostgresDialect {
  return new PostgresDialect({
    pool: async () => {
      const release = await holdAlone(url, onLost);
      const pool = new pg.Pool({ connectionString: url, max: CONNECTIONS_MAX, types: typed });
      // A connection that breaks is taken out by the pool. Without a listener it would end the process: one for those that nobody
      // uses at the moment, one for those in the middle of a transaction.
      pool.on('error', onBug);
      pool.on('connect', (client) => client.on('error', onBug));
      return {
        options: pool.options,
        connect: () => pool.connect(),
        end: async () => {
          await pool.end();
          await release();
        },
      };
    },
  });
}

/**
 * Two centrals on one database would each take the other's work for work that was cut off, and what one knows would not be what is
 * kept. So a connection of its own holds an advisory lock of the database as long as central runs (postgresql.org/docs, "Advisory
 * Locks"). The server gives the lock back when that connection ends, so also when central is killed; a moment is allowed for that.
 *
 * @returns what gives it back
 */
async function holdAlone(url: string, onLost: (error: Error) => void): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: url, keepAlive: true, application_name: 'skerry-central' });
  let isHeld = false;
  const lose = (error?: Error): void => {
    if (!isHeld) return;
    isHeld = false;
    onLost(new Error('the connection that holds the database for this central is lost', { cause: error }));
  };
  client.on('error', lose);
  client.on('end', lose);
  const release = async (): Promise<void> => {
    isHeld = false;
    await client.end();
  };
  await client.connect();
  const giveUpAt = performance.now() + LOCK_WAIT_MS;
  while (!(await isLocked(client))) {
    if (performance.now() > giveUpAt) {
      await release();
      throw new Error('another central uses it');
    }
    await pause(LOCK_LOOK_MS);
  }
  isHeld = true;
  return release;
}

async function isLocked(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>('select pg_try_advisory_lock($1) as locked', [LOCK]);
  return rows[0]?.locked === true;
}
