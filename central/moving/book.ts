/**
 * Responsibilities: know which guests are on their way, over restarts, until the host that each was to come to has been told how it ended.
 *
 * Theory of operation: a move is written down before any host is asked anything of it, with how it ended as soon as that is known, and that this was told.
 * Whoever works on one claims it; what nobody has claimed was left by a job that ended before it could say everything.
 *
 * What can go wrong: central is killed when all is told, and the end of its job is not written yet. The job goes on then, and finds here how it ended: so
 * a move is forgotten only when its job has ended, too.
 */
import { createHash } from 'node:crypto';
import type { Database } from '#central/database/open.ts';
import type { Writer } from '#central/database/writer.ts';
import { type Details, Failure, type FailureCode } from '#shared/errors.ts';
import type { Requester } from '#shared/verb/request.ts';

export interface Move {
  id: string;
  requester: Requester;
  /** Of central's job; those of its steps are made of it. */
  operation: string;
  contact: string;
  /** As both hosts know the guest. */
  name: string;
  uuid: string;
  from: string;
  to: string;
  /** Undefined: it is not known yet. */
  outcome?: Outcome;
  /** Why it stayed. */
  why?: { code: FailureCode; details: Details };
  /** When the target had heard of the outcome, ms since 1970; nothing is left to say then. */
  toldAtMs?: number;
}

export type Outcome = 'came' | 'stayed';

export interface MoveStore {
  put(move: Move): Promise<void>;
  remove(id: string): Promise<void>;
}

export interface MoveBook {
  get(id: string): Move | undefined;
  /** Write down a move that begins. @throws Failure migration-unfit: the guest is on its way already; host-space */
  begin(move: Move): Promise<void>;
  /** What is known of it now. @throws Failure host-space */
  put(id: string, known: Pick<Move, 'outcome' | 'why' | 'toldAtMs'>): Promise<void>;
  /** @throws Failure host-space */
  forget(id: string): Promise<void>;
  /** Returns what gives it back. */
  claim(id: string): () => void;
  unclaimed(): Move[];
}

/** The same when the same job goes on, and no other's. */
export const moveIdOf = ({ requester, operation }: Pick<Move, 'requester' | 'operation'>): string =>
  createHash('sha256')
    .update(JSON.stringify([requester.bareJid, operation]))
    .digest('hex')
    .slice(0, 40);

export function moveBook(loaded: readonly Move[], store: MoveStore): MoveBook {
  const moves = new Map(loaded.map((move) => [move.id, move]));
  const claimed = new Set<string>();
  const requireFree = ({ id, uuid, contact, to }: Move): void => {
    const isUnderWay = ({ outcome, toldAtMs }: Move): boolean => toldAtMs === undefined && outcome !== 'stayed';
    const other = moves.values().find((each) => each.uuid === uuid && each.id !== id && isUnderWay(each));
    if (other)
      throw new Failure('migration-unfit', { guest: contact, to, problem: `it is on its way to ${other.to} already` });
  };
  return {
    get: (id) => moves.get(id),
    begin: async (move) => {
      requireFree(move);
      moves.set(move.id, move);
      try {
        await store.put(move);
      } catch (error) {
        moves.delete(move.id);
        throw error;
      }
    },
    put: async (id, known) => {
      const move = moves.get(id);
      if (!move) return;
      const after = { ...move, ...known };
      await store.put(after);
      moves.set(id, after);
    },
    forget: async (id) => {
      await store.remove(id);
      moves.delete(id);
    },
    claim: (id) => {
      claimed.add(id);
      return () => void claimed.delete(id);
    },
    unclaimed: () => [...moves.values()].filter(({ id }) => !claimed.has(id)),
  };
}

const PREFIX = 'move ';

export const moveStore = (writer: Writer): MoveStore => ({
  put: (move) =>
    writer.write(async (transaction) => {
      const value = JSON.stringify(move);
      await transaction
        .insertInto('settings')
        .values({ key: `${PREFIX}${move.id}`, value })
        .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
        .execute();
    }),
  remove: (id) =>
    writer.write(async (transaction) => {
      await transaction.deleteFrom('settings').where('key', '=', `${PREFIX}${id}`).execute();
    }),
});

export async function loadMoves(database: Database): Promise<Move[]> {
  const rows = await database.selectFrom('settings').selectAll().where('key', 'like', `${PREFIX}%`).execute();
  return rows.map(({ value }) => JSON.parse(value) as Move);
}
