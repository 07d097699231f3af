import type { Transaction } from 'kysely';
import type { Database } from '#central/database/open.ts';
import type { Tables } from '#central/database/schema.ts';
import type { Writer } from '#central/database/writer.ts';
import type { Clock } from '#shared/clock.ts';
import type { AuditRecord } from '#shared/verb/request.ts';
import { appendAll, entryHash, ROOT } from './chain.ts';

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
  /** At once, or with others a moment later; what fails is told to onBug and tried again. */
  add(record: AuditRecord): void;
  /** The same, for what is known elsewhere only once it stands here: resolves when it was written, or found no room and is tried again. */
  keep(record: AuditRecord): Promise<void>;
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

const RETRY_MS = 1_000;
const WAITING_MAX = 10_000;
const PAGE = 1_000;
/** After a write so long is waited for more: with many requests a sync of the disk for each few would be most of the work. */
const GATHER_MS = 250;

/**
 * The audit trail: append-only, each entry chained to the one before by its hash (chain.ts).
 *
 * Records of changes are written together with what they tell of. The others, of reads and refusals, are gathered.
 */
export function auditTrail(
  database: Database,
  writer: Writer,
  onBug: (error: unknown) => void,
  after: Clock['after'] = unheld,
): AuditTrail {
  let waiting: AuditRecord[] = [];
  let flushing: Promise<void> | undefined;
  let callOff: (() => void) | undefined;

  /** What waits by now. */
  const write = async (): Promise<void> => {
    for (let left = waiting.length; left > 0; left -= PAGE) {
      const records = waiting.slice(0, Math.min(left, PAGE));
      await writer.write((transaction) => appendAll(transaction, records));
      waiting = waiting.slice(records.length);
    }
  };
  const goOnAfter = (ms: number): void => {
    flushing = undefined;
    callOff = after(ms, () => {
      callOff = undefined;
      if (waiting.length > 0) begin();
    });
  };
  const begin = (): void => {
    if (flushing) return;
    callOff?.();
    callOff = undefined;
    flushing = write().then(
      () => goOnAfter(GATHER_MS),
      (error) => {
        onBug(error);
        goOnAfter(RETRY_MS);
      },
    );
  };
  const flush = async (): Promise<void> => {
    await flushing;
    if (waiting.length > 0) begin();
    await flushing;
  };

  const add = (record: AuditRecord): void => {
    if (waiting.length < WAITING_MAX) waiting.push(record);
    else onBug(new Error('an audit record was lost: there was no room to write it'));
    if (callOff === undefined) begin();
  };

  return {
    append: (transaction, record) => appendAll(transaction, [record]),
    add,
    keep: (record) => {
      add(record);
      return flush();
    },
    flush,
    // What was added stands in what is read.
    read: async (limit, before) => {
      await flush();
      const all = database.selectFrom('audit').selectAll().orderBy('seq', 'desc').limit(limit);
      return (await (before === undefined ? all : all.where('seq', '<', before)).execute()).map(entryOf);
    },
    from: async (seq, limit) => {
      await flush();
      const all = database.selectFrom('audit').selectAll().where('seq', '>=', seq).orderBy('seq').limit(limit);
      return (await all.execute()).map(entryOf);
    },
    async *backward(bounds) {
      await flush();
      yield* backward(database, bounds);
    },
    verify: async () => {
      await flush();
      return verifyTrail(database);
    },
  };
}

/** A timer that does not hold up the end of the process: that writes what waits (`flush`). */
function unheld(ms: number, call: () => void): () => void {
  const timer = setTimeout(call, ms).unref();
  return () => clearTimeout(timer);
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
