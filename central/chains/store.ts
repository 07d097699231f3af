import type { Transaction } from 'kysely';
import type { Database } from '#central/database/open.ts';
import type { Tables } from '#central/database/schema.ts';
import type { Writer, Writes } from '#central/database/writer.ts';
import type { Past } from '#shared/chain/plan.ts';
import { hasEnded, type NodeRun, type Run } from '#shared/chain/run.ts';

/** A chain as it was set. */
export interface StoredChain {
  name: string;
  text: string;
  by: string;
  at: string;
  wanted: 'up' | 'down' | 'none';
}

/** A run, and on whose behalf it acts. */
export interface StoredRun {
  run: Run;
  requester: string;
}

/** Runs that have ended are kept so long. */
const RUNS_KEPT = 100;
/** A statement takes so many rows at once: 32,766 values are the most in SQLite. */
const ROWS_MAX = 5_000;

/** What writes resolves when it is on the disk. @throws Failure host-space: nothing of it was written */
export function chainStore(database: Database, writer: Writer) {
  return {
    set: (chain: StoredChain): Promise<void> =>
      writer.write(async (transaction) => {
        const { name, ...row } = chain;
        await transaction
          .insertInto('chains')
          .values(chain)
          .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
          .execute();
        // How long nodes took may not be so of what they are now.
        await transaction.deleteFrom('node_times').where('chain', '=', name).execute();
      }),
    remove: (name: string, also?: Writes): Promise<void> =>
      writer.write(async (transaction) => {
        const runs = transaction.selectFrom('runs').select('id').where('chain', '=', name);
        await transaction.deleteFrom('run_nodes').where('run', 'in', runs).execute();
        await transaction.deleteFrom('runs').where('chain', '=', name).execute();
        await transaction.deleteFrom('node_times').where('chain', '=', name).execute();
        await transaction.deleteFrom('chains').where('name', '=', name).execute();
        await also?.(transaction);
      }),
    /** A new run, and that its chain is wanted so. */
    begin: ({ run, requester }: StoredRun): Promise<void> =>
      writer.write(async (transaction) => {
        const began = new Date(run.startedAt).toISOString();
        const row = { id: run.id, chain: run.chain, run: headerOf(run), requester, began_at: began, ended: 0 };
        await transaction.insertInto('runs').values(row).execute();
        await putNodes(transaction, run, run.nodes.keys().toArray());
        await want(transaction, run);
        await dropOld(transaction, run.chain);
      }),
    /** @param changed the places of the nodes that are not as they are kept */
    keep: (run: Run, changed: readonly number[], times: ReadonlyMap<string, Past>): Promise<void> =>
      writer.write(async (transaction) => {
        const row = { run: headerOf(run), ended: Number(hasEnded(run)) };
        await transaction.updateTable('runs').set(row).where('id', '=', run.id).execute();
        await putNodes(transaction, run, changed);
        await putTimes(transaction, run.chain, times);
        await want(transaction, run);
      }),
    chains: async (): Promise<StoredChain[]> => {
      const rows = await database.selectFrom('chains').selectAll().orderBy('name').execute();
      return rows.map(({ wanted, ...row }) => ({ ...row, wanted: wanted as StoredChain['wanted'] }));
    },
    /** The newest first. */
    runs: async (chain: string, limit: number): Promise<StoredRun[]> => {
      const rows = await database
        .selectFrom('runs')
        .selectAll()
        .where('chain', '=', chain)
        .orderBy('began_at', 'desc')
        .orderBy('id', 'desc')
        .limit(limit)
        .execute();
      return Promise.all(rows.map((row) => whole(database, row)));
    },
    /** Those that go on. */
    open: async (): Promise<StoredRun[]> => {
      const rows = await database.selectFrom('runs').selectAll().where('ended', '=', 0).orderBy('began_at').execute();
      return Promise.all(rows.map((row) => whole(database, row)));
    },
    find: async (id: string): Promise<StoredRun | undefined> => {
      const row = await database.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirst();
      return row && whole(database, row);
    },
    times: async (chain: string): Promise<Map<string, Past>> => {
      const rows = await database.selectFrom('node_times').selectAll().where('chain', '=', chain).execute();
      return new Map(
        rows.map(({ node, start_ms, stop_ms }) => [
          node,
          { ...(start_ms === null ? {} : { startMs: start_ms }), ...(stop_ms === null ? {} : { stopMs: stop_ms }) },
        ]),
      );
    },
  };
}
export type ChainStore = ReturnType<typeof chainStore>;

const headerOf = ({ nodes: _, ...header }: Run): string => JSON.stringify(header);

async function whole(database: Database, row: { id: string; run: string; requester: string }): Promise<StoredRun> {
  const rows = await database
    .selectFrom('run_nodes')
    .select('node')
    .where('run', '=', row.id)
    .orderBy('place')
    .execute();
  const nodes = rows.map(({ node }) => JSON.parse(node) as NodeRun);
  return { run: { ...JSON.parse(row.run), nodes }, requester: row.requester };
}

async function putNodes(transaction: Transaction<Tables>, run: Run, places: readonly number[]): Promise<void> {
  for (let at = 0; at < places.length; at += ROWS_MAX) {
    const rows = places
      .slice(at, at + ROWS_MAX)
      .map((place) => ({ run: run.id, place, node: JSON.stringify(run.nodes[place]) }));
    await transaction
      .insertInto('run_nodes')
      .values(rows)
      .onConflict((conflict) =>
        conflict.columns(['run', 'place']).doUpdateSet((each) => ({ node: each.ref('excluded.node') })),
      )
      .execute();
  }
}

async function putTimes(
  transaction: Transaction<Tables>,
  chain: string,
  times: ReadonlyMap<string, Past>,
): Promise<void> {
  for (const [node, { startMs, stopMs }] of times) {
    const row = {
      ...(startMs === undefined ? {} : { start_ms: startMs }),
      ...(stopMs === undefined ? {} : { stop_ms: stopMs }),
    };
    await transaction
      .insertInto('node_times')
      .values({ chain, node, start_ms: null, stop_ms: null, ...row })
      .onConflict((conflict) => conflict.columns(['chain', 'node']).doUpdateSet(row))
      .execute();
  }
}

const want = async (transaction: Transaction<Tables>, { chain, goal }: Run): Promise<void> =>
  void (await transaction.updateTable('chains').set({ wanted: goal }).where('name', '=', chain).execute());

async function dropOld(transaction: Transaction<Tables>, chain: string): Promise<void> {
  const rows = await transaction
    .selectFrom('runs')
    .select('id')
    .where('chain', '=', chain)
    .where('ended', '=', 1)
    .orderBy('began_at', 'desc')
    .offset(RUNS_KEPT)
    .limit(1_000)
    .execute();
  const ids = rows.map(({ id }) => id);
  if (ids.length === 0) return;
  await transaction.deleteFrom('run_nodes').where('run', 'in', ids).execute();
  await transaction.deleteFrom('runs').where('id', 'in', ids).execute();
}
