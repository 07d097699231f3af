/**
 * Responsibilities: have the lists of the rooms that grants name as they are in the rooms.
 *
 * Theory of operation: a room is asked when central comes to the server, when it has joined, when the room tells of an affiliation that
 * is not as it is known, when a grant names it, and from time to time, since a room tells only those who are in it. What is told is never
 * taken as it is: the lists are read anew. Until each room was asked for the first time, nothing is decided (`settled`): somebody may have
 * been taken out of it while central was away.
 *
 * What can go wrong: a room that cannot be read, as where central is no owner there any more. The last that is known holds; it is logged,
 * told with the roles, and the room is asked again.
 */
import { readAffiliations, type Word, wordOf } from '#central/room/affiliations.ts';
import type { Clock } from '#shared/clock.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { AFFILIATIONS } from '#shared/verb/grant.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { bareOf } from '#shared/xmpp/jid.ts';
import { StanzaError } from '#shared/xmpp/stanza-error.ts';
import type { PolicyStore } from './policy-store.ts';
import type { RoomLists } from './room-lists.ts';

export interface FollowRoomsDeps {
  entity: Pick<Entity, 'request' | 'bareJid' | 'isOnline' | 'onMessage' | 'onPresence' | 'onStatus'>;
  lists: Pick<RoomLists, 'state' | 'took' | 'failed'>;
  policies: Pick<PolicyStore, 'inForce' | 'onChange'>;
  clock: Clock;
  log: Record<'warn', (fields: object, message: string) => void>;
  onBug(error: unknown): void;
}

export interface FollowedRooms {
  /** Read a room now; one that is being read is read once more. Resolves when that has ended, well or not. */
  look(room: string): Promise<void>;
  /** Resolves when each room that grants name was asked once. */
  settled(): Promise<void>;
  stop(): void;
}

const LOOK_MS = 60_000;

export function followRooms(deps: FollowRoomsDeps): FollowedRooms {
  const { entity, lists, policies, clock, log, onBug } = deps;
  const looks = new Map<string, { now: Promise<void>; next: Promise<void> | undefined }>();
  const first = Promise.withResolvers<void>();
  let callOff = (): void => {};

  const named = (): Set<string> => new Set(policies.inForce.grants.flatMap(({ room }) => (room ? [bareOf(room)] : [])));
  const read = async (room: string): Promise<void> => {
    try {
      await lists.took(room, await readAffiliations(entity, room));
    } catch (error) {
      if (!(error instanceof StanzaError || error instanceof Failure)) throw error;
      // The disk is full: what was read holds, and is written with the next reading.
      const isRead = error instanceof Failure && error.code === 'host-space';
      const problem = messageOf(error);
      if (!isRead) lists.failed(room, problem);
      log.warn({ room, problem }, isRead ? 'who is in the room cannot be kept' : 'the room cannot be read');
    }
  };
  const look = (room: string): Promise<void> => {
    const under = looks.get(room);
    if (under) {
      // What is on its way may be older than why we look.
      under.next ??= under.now.then(() => look(room));
      return under.next;
    }
    const now = read(room)
      .catch(onBug)
      .finally(() => looks.delete(room));
    looks.set(room, { now, next: undefined });
    return now;
  };
  const lookAll = (which: (room: string) => boolean): Promise<unknown> =>
    Promise.all([...named()].filter(which).map(look));
  /** Of ourselves anything is news: whether the room can be read hangs on it. */
  const onWord = (word: Word | undefined): void => {
    if (word && named().has(word.room) && (word.jid === bareOf(entity.bareJid) || isNews(lists, word)))
      void look(word.room);
  };
  const lookAgain = (): void => {
    callOff = clock.after(LOOK_MS, lookAgain);
    if (entity.isOnline) void lookAll(() => true);
  };

  if (named().size === 0) first.resolve();
  const offs = [
    entity.onStatus(({ status }) => {
      if (status !== 'offline') void lookAll(() => true).then(() => first.resolve());
    }),
    entity.onPresence((stanza) => onWord(wordOf(stanza))),
    entity.onMessage((stanza) => onWord(wordOf(stanza))),
    policies.onChange(() => {
      if (entity.isOnline) void lookAll((room) => lists.state(room) === undefined);
    }),
  ];
  callOff = clock.after(LOOK_MS, lookAgain);
  return {
    look: (room) => look(bareOf(room)),
    settled: () => first.promise,
    stop: () => {
      callOff();
      for (const off of offs) off();
    },
  };
}

/** Whether a room tells of somebody what is not known of them. */
function isNews(lists: Pick<RoomLists, 'state'>, { room, jid, affiliation }: Word): boolean {
  const state = lists.state(room);
  if (!state || state.problem !== undefined || affiliation === undefined) return true;
  if (jid === undefined) return false;
  const known = AFFILIATIONS.find((each) => state.list[each].includes(jid));
  return jid.includes('@') && known !== AFFILIATIONS.find((each) => each === affiliation);
}
