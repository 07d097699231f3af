/**
 * Responsibilities: know who has which affiliation in the rooms that grants name, as it was read last.
 *
 * Theory of operation: a list that was read holds at once, and is written down. After a restart what was written holds until the room
 * has been asked (follow-rooms.ts). A room that cannot be read leaves its list as it was, with why it cannot be read beside it.
 *
 * What can go wrong: no room on the disk. Then the list that was read holds all the same, and is written with the next reading.
 */
import type { Database } from '#central/database/open.ts';
import type { Writer } from '#central/database/writer.ts';
import { AFFILIATIONS, type Affiliation, type Holders, namedHolders } from '#shared/verb/grant.ts';
import { bareOf } from '#shared/xmpp/jid.ts';

/** Bare JIDs of people, by their own affiliation. */
export type RoomList = Readonly<Record<Affiliation, readonly string[]>>;

export interface RoomState {
  list: RoomList;
  /** When it was read, RFC 3339; undefined where it never was. */
  readAt: string | undefined;
  /** Why it could not be read, the last time. */
  problem: string | undefined;
}

export interface RoomLists {
  /** Whoever has the affiliation of a grant in its room, or a higher one; whom it names, where it is to no room. */
  holders: Holders;
  /** Undefined where it was never asked. */
  state(room: string): RoomState | undefined;
  /** Resolves when it is kept; it holds before. @throws Failure host-space */
  took(room: string, list: RoomList): Promise<void>;
  failed(room: string, problem: string): void;
  /** Told when somebody holds what they did not hold, or no more. */
  onChange(listener: () => void): () => void;
}

const PREFIX = 'room ';
const NOBODY: RoomList = { owner: [], admin: [], member: [] };

export async function roomLists(database: Database, writer: Writer, now: () => number): Promise<RoomLists> {
  const rows = await database.selectFrom('settings').selectAll().where('key', 'like', `${PREFIX}%`).execute();
  const states = new Map<string, RoomState>();
  const written = new Map<string, string>();
  for (const { key, value } of rows) {
    const room = key.slice(PREFIX.length);
    const { readAt, ...list } = JSON.parse(value) as RoomList & { readAt: string };
    states.set(room, { list, readAt, problem: undefined });
    written.set(room, JSON.stringify(list));
  }
  const listeners = new Set<() => void>();
  const write = (room: string, value: string): Promise<void> =>
    writer.write(async (transaction) => {
      await transaction
        .insertInto('settings')
        .values({ key: `${PREFIX}${room}`, value })
        .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
        .execute();
    });

  return {
    holders: (grant) => {
      const { room, affiliation } = grant;
      if (room === undefined || affiliation === undefined) return namedHolders(grant);
      return heldIn(states.get(bareOf(room))?.list ?? NOBODY, affiliation);
    },
    state: (room) => states.get(room),
    took: async (room, { owner, admin, member }) => {
      const list = { owner: owner.toSorted(), admin: admin.toSorted(), member: member.toSorted() };
      const text = JSON.stringify(list);
      const isNews = JSON.stringify(states.get(room)?.list ?? NOBODY) !== text;
      const readAt = new Date(now()).toISOString();
      states.set(room, { list, readAt, problem: undefined });
      if (isNews) for (const listener of listeners) listener();
      if (written.get(room) === text) return;
      await write(room, JSON.stringify({ readAt, ...list }));
      written.set(room, text);
    },
    failed: (room, problem) => {
      states.set(room, { list: NOBODY, readAt: undefined, ...states.get(room), problem });
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** Each affiliation may what those below it may. */
export const heldIn = (list: RoomList, affiliation: Affiliation): readonly string[] => [
  ...new Set(AFFILIATIONS.slice(0, AFFILIATIONS.indexOf(affiliation) + 1).flatMap((each) => list[each])),
];
