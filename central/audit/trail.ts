import { createHash } from 'node:crypto';
import type { Transaction } from 'kysely';
import type { Database } from '#central/database/open.ts';
import type { Tables } from '#central/database/schema.ts';
import type { Writer } from '#central/database/writer.ts';
import type { AuditRecord } from '#shared/verb/request.ts';

/** One line of the trail, as it is kept and exported. */
export interface TrailEntry {
  seq: number;
  at: string;
  record: AuditRecord;
  hash: string;
}

export interface AuditTrail {
  /** Within a transaction of the writer. */
  append(transaction: Transaction<Tables>, record: AuditRecord): Promise<void>;
  /** Soon; what fails is told to onBug and tried again. */
  add(record: AuditRecord): void;
  /** Resolves when all that was added is on the disk. */
  flush(): Promise<void>;
  /** The newest first; those before `before`. */
  read(limit: number, before?: number): Promise<TrailEntry[]>;
  /** The newest first, read as they are asked for; times as the trail has them. */
  backward(bounds: Bounds): AsyncGenerator<TrailEntry>;
  /** The oldest first: for an export. */
  from(seq: number, limit: number): Promise<TrailEntry[]>;
  /** The first entry that does not follow from the one before it: the trail was cut or changed there. */
  verify(): Promise<Verdict>;
}

export interface Bounds {
  /** Only entries of a lower number. */
  before?: number | undefined;
  since?: string | undefined;
  until?: string | undefined;
}

/** How many entries follow from each other, the hash of the last of them, and the first that does not. */
export interface Verdict {
  entries: number;
  hash: string;
  brokenAt?: number;
}

/** Before the first entry. */
const ROOT = '0'.repeat(64);
const RETRY_MS = 1_000;
const WAITING_MAX = 10_000;
const PAGE = 1_000;

/** Over the hash before and the record as it is kept, so that no entry can be changed, left out or put in unseen. */
export const entryHash = (before: string, seq: number, at: string, record: string): string =>
  createHash('sha256')
    .update(JSON.stringify([before, seq, at, record]))
    .digest('hex');

/**
 * The audit trail: append-only, each entry chained to the one before by its hash.
 *
 * The end of the chain is read from the database in the transaction that appends, so that a transaction that fails leaves no gap.
 */
export function auditTrail(database: Database, writer: Writer, onBug: (error: unknown) => void): AuditTrail {
  let waiting: AuditRecord[] = [];
  let flushing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  const append = async (transaction: Transaction<Tables>, record: AuditRecord): Promise<void> => {
    const last = await transaction
      .selectFrom('audit')
      .select(['seq', 'hash'])
      .orderBy('seq', 'desc')
      .limit(1)
      .executeTakeFirst();
    const seq = (last?.seq ?? 0) + 1;
    const text = JSON.stringify(record);
    const hash = entryHash(last?.hash ?? ROOT, seq, record.at, text);
    await transaction.insertInto('audit').values({ seq, at: record.at, record: text, hash }).execute();
  };
  const write = async (): Promise<void> => {
    while (waiting.length > 0) {
      const records = waiting.slice(0, PAGE);
      try {
        await writer.write(async (transaction) => {
          for (const record of records) await append(transaction, record);
        });
        waiting = waiting.slice(records.length);
      } catch (error) {
        onBug(error);
        timer = setTimeout(begin, RETRY_MS).unref();
        return;
      }
    }
  };
  const begin = (): void => {
    flushing ??= write().finally(() => {
      flushing = undefined;
    });
  };

  return {
    append,
    add: (record) => {
      if (waiting.length < WAITING_MAX) waiting.push(record);
      else onBug(new Error('an audit record was lost: there was no room to write it'));
      begin();
    },
    flush: async () => {
      clearTimeout(timer);
      begin();
      await flushing;
    },
    read: async (limit, before) => {
      const all = database.selectFrom('audit').selectAll().orderBy('seq', 'desc').limit(limit);
      return (await (before === undefined ? all : all.where('seq', '<', before)).execute()).map(entryOf);
    },
    from: async (seq, limit) =>
      (
        await database.selectFrom('audit').selectAll().where('seq', '>=', seq).orderBy('seq').limit(limit).execute()
      ).map(entryOf),
    backward: (bounds) => backward(database, bounds),
    verify: () => verifyTrail(database),
  };
}

const entryOf = ({ record, ...row }: Tables['audit']): TrailEntry => ({ ...row, record: JSON.parse(record) });

/** SQLite answers at once, in this thread: between two pages others have their turn. */
const breath = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function* backward(database: Database, { before, since, until }: Bounds): AsyncGenerator<TrailEntry> {
  const { newest } = await database
    .selectFrom('audit')
    .select(({ fn }) => fn.max('seq').as('newest'))
    .executeTakeFirstOrThrow();
  let end = Math.min(before ?? Number.MAX_SAFE_INTEGER, (newest ?? 0) + 1);
  for (; end > 1; end -= PAGE) {
    let page = database
      .selectFrom('audit')
      .selectAll()
      .where('seq', '<', end)
      .where('seq', '>=', end - PAGE);
    if (since !== undefined) page = page.where('at', '>=', since);
    if (until !== undefined) page = page.where('at', '<=', until);
    for (const row of await page.orderBy('seq', 'desc').execute()) yield entryOf(row);
    await breath();
  }
}

async function verifyTrail(database: Database): Promise<Verdict> {
  let before = ROOT;
  let entries = 0;
  for (;;) {
    const rows = await database
      .selectFrom('audit')
      .selectAll()
      .where('seq', '>', entries)
      .orderBy('seq')
      .limit(PAGE)
      .execute();
    for (const row of rows) {
      const isNext = row.seq === entries + 1 && row.hash === entryHash(before, row.seq, row.at, row.record);
      if (!isNext) return { entries, hash: before, brokenAt: entries + 1 };
      before = row.hash;
      entries = row.seq;
    }
    if (rows.length < PAGE) return { entries, hash: before };
    await breath();
  }
}
