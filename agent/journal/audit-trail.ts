import type { DatabaseSync } from 'node:sqlite';
import type { AuditRecord } from '#shared/verb/request.ts';
import { inTransaction } from './database.ts';

const BATCH = 200;
const DELAY_MS = 500;
const WAITING_MAX = 20_000;
const PAGE = 500;

/** The trail of who did what: appended to, never rewritten. */
export interface AuditTrail {
  /** Write a record now; for a transaction of the caller's. */
  append(record: AuditRecord): void;
  /** Take a record; it is written within half a second, with others. */
  add(record: AuditRecord): void;
  /** Write what waits. @throws Failure host-space: it goes on waiting */
  flush(): void;
  /** The newest first. */
  read(limit: number): AuditRecord[];
  /** The newest first, so many at a time. */
  backward(bounds: Bounds): Generator<{ seq: number; record: AuditRecord }>;
}

/** Only entries of a lower number, and of these times, RFC 3339 in UTC. */
export interface Bounds {
  before?: number | undefined;
  since?: string;
  until?: string;
}

/**
 * Records of reads and refusals wait in memory, up to half a second: they change nothing, and a disk is slow. Of a full disk they
 * wait for, the oldest are given up when there are too many, and it is said how many.
 */
export function auditTrail(database: DatabaseSync, onBug: (error: unknown) => void): AuditTrail {
  const insert = database.prepare('INSERT INTO audit (at, record) VALUES (?, ?)');
  const newest = database.prepare('SELECT record FROM audit ORDER BY seq DESC LIMIT ?');
  const page = database.prepare(
    'SELECT seq, record FROM audit WHERE seq < ? AND at >= ? AND at <= ? ORDER BY seq DESC LIMIT ?',
  );
  let waiting: AuditRecord[] = [];
  let lost = 0;
  let timer: NodeJS.Timeout | undefined;

  const append = (record: AuditRecord): void => {
    insert.run(record.at, JSON.stringify(record));
  };
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (waiting.length === 0) return;
    // Nothing has happened that these must not be lost of: SQLite need not wait for the disk. The next change does, for all.
    database.exec('PRAGMA synchronous=NORMAL');
    try {
      inTransaction(database, () => waiting.forEach(append));
    } finally {
      database.exec('PRAGMA synchronous=FULL');
    }
    waiting = [];
    if (lost > 0) onBug(new Error(`${lost} audit records were lost: there was no room to write them`));
    lost = 0;
  };
  const flushLater = (): void => {
    try {
      flush();
    } catch (error) {
      onBug(error);
      timer = setTimeout(flushLater, 10 * DELAY_MS).unref();
    }
  };

  return {
    append,
    flush,
    add: (record) => {
      waiting.push(record);
      if (waiting.length > WAITING_MAX) {
        waiting = waiting.slice(-WAITING_MAX / 2);
        lost += WAITING_MAX / 2 + 1;
      }
      if (waiting.length === BATCH) setImmediate(flushLater);
      timer ??= setTimeout(flushLater, DELAY_MS);
    },
    read: (limit) => {
      flush();
      return (newest.all(limit) as { record: string }[]).map((row) => JSON.parse(row.record));
    },
    *backward({ before = Number.MAX_SAFE_INTEGER, since = '', until = '~' }) {
      flush();
      for (let end = before; ; ) {
        const rows = page.all(end, since, until, PAGE) as { seq: number; record: string }[];
        for (const { seq, record } of rows) yield { seq, record: JSON.parse(record) };
        end = rows.at(-1)?.seq ?? 0;
        if (rows.length < PAGE) return;
      }
    },
  };
}
