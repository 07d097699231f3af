import type { Transaction } from 'kysely';
import type { Database } from '#central/database/open.ts';
import type { Tables } from '#central/database/schema.ts';
import type { Writer } from '#central/database/writer.ts';
import { type Change, idOfRow, type NetworkState, ROW_KINDS, type RowKind, type Rows } from './state.ts';

/** What is kept of networks. What writes resolves when it is on the disk. @throws Failure host-space: nothing of it was written */
export interface NetworkStore {
  load(): Promise<NetworkState>;
  /** All of a change, and that this operation made it. */
  write(change: Change, operation: string): Promise<void>;
  /** All of a change that undoes that of an operation, and that it made none. */
  unwrite(change: Change, operation: string): Promise<void>;
  /** What an operation changed, where it is known. */
  find(operation: string): Promise<Change | undefined>;
  /** Forget operations that were before then (RFC 3339). */
  prune(before: string): Promise<void>;
}

export const networkStore = (database: Database, writer: Writer, now: () => number): NetworkStore => ({
  load: async () => {
    const loaded = await Promise.all(ROW_KINDS.map(async (kind) => [kind, await rowsOf(database, kind)] as const));
    return Object.fromEntries(loaded) as unknown as NetworkState;
  },
  write: (change, operation) =>
    writer.write(async (transaction) => {
      await putAll(transaction, change);
      const row = { operation, at: new Date(now()).toISOString(), change: JSON.stringify(change) };
      await transaction.insertInto('network_changes').values(row).execute();
    }),
  unwrite: (change, operation) =>
    writer.write(async (transaction) => {
      await putAll(transaction, change);
      await transaction.deleteFrom('network_changes').where('operation', '=', operation).execute();
    }),
  find: async (operation) => {
    const row = await database
      .selectFrom('network_changes')
      .select('change')
      .where('operation', '=', operation)
      .executeTakeFirst();
    return row && (JSON.parse(row.change) as Change);
  },
  prune: (before) =>
    writer.write(async (transaction) => {
      await transaction.deleteFrom('network_changes').where('at', '<', before).execute();
    }),
});

async function rowsOf<K extends RowKind>(database: Database, kind: K): Promise<Map<string, Rows[K]>> {
  const rows = await database
    .selectFrom(kind as RowKind)
    .select('record')
    .orderBy('id')
    .execute();
  return new Map(
    rows.map(({ record }) => {
      const row = withHolder(kind, JSON.parse(record) as Rows[K]);
      return [idOfRow(kind, row), row];
    }),
  );
}

/** Before it was kept who has a router, its host had it. */
const withHolder = <K extends RowKind>(kind: K, row: Rows[K]): Rows[K] =>
  kind === 'routers' ? { heldBy: (row as Rows['routers']).host, ...row } : row;

async function putAll(transaction: Transaction<Tables>, change: Change): Promise<void> {
  for (const { kind, id, after } of change) {
    if (after === null) {
      await transaction.deleteFrom(kind).where('id', '=', id).execute();
      continue;
    }
    const record = JSON.stringify(after);
    await transaction
      .insertInto(kind)
      .values({ id, record })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ record }))
      .execute();
  }
}
