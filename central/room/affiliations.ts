import xml, { type Element } from '@xmpp/xml';
import type { RoomList } from '#central/roles/room-lists.ts';
import { Failure } from '#shared/errors.ts';
import { AFFILIATIONS, type Affiliation } from '#shared/verb/grant.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { bareOf, isJid } from '#shared/xmpp/jid.ts';

const ADMIN_NS = 'http://jabber.org/protocol/muc#admin';
const USER_NS = 'http://jabber.org/protocol/muc#user';
const ANSWER_MS = 5_000;
const PEOPLE_MAX = 1_000;

/**
 * Who is owner, admin, member of a room (XEP-0045, sections 9.5, 10.5, 10.8): people alone, since a whole domain is given a role as such.
 * @throws StanzaError what the room answered; Failure peer-refused, no-answer, not-connected
 */
export async function readAffiliations(entity: Pick<Entity, 'request' | 'bareJid'>, room: string): Promise<RoomList> {
  const read = async (affiliation: Affiliation): Promise<[Affiliation, string[]]> => {
    const child = xml('query', { xmlns: ADMIN_NS }, xml('item', { affiliation }));
    const asked = { from: entity.bareJid, to: room, type: 'get', child, timeoutMs: ANSWER_MS } as const;
    return [affiliation, peopleIn(await entity.request(asked), affiliation)];
  };
  return Object.fromEntries(await Promise.all(AFFILIATIONS.map(read))) as unknown as RoomList;
}

function peopleIn(answer: Element, affiliation: Affiliation): string[] {
  const query = answer.getChild('query', ADMIN_NS);
  const peer = bareOf(answer.attrs.from ?? '');
  if (!query) throw new Failure('peer-refused', { peer, condition: 'result', problem: 'there is no list in it' });
  const people = query
    .getChildren('item')
    .flatMap(({ attrs: { jid = '', affiliation: has } }) => (has === affiliation && isPerson(jid) ? bareOf(jid) : []));
  if (people.length <= PEOPLE_MAX) return people;
  const problem = `it has ${people.length} ${affiliation}s, and a role goes to ${PEOPLE_MAX} at most`;
  throw new Failure('peer-refused', { peer, condition: 'result', problem });
}

const isPerson = (jid: string): boolean => isJid(jid) && jid.includes('@') && !jid.includes('/');

/** What a room says of affiliations: of somebody in it, of somebody elsewhere, and to us when we have joined. */
export interface Word {
  room: string;
  /** Undefined where it is not said whose it is. */
  jid: string | undefined;
  affiliation: string | undefined;
}

/** Undefined where a stanza says nothing of it. Of messages only the room's own count, not what somebody says there. */
export function wordOf(stanza: Element): Word | undefined {
  const { from = '', type } = stanza.attrs;
  const room = bareOf(from);
  const x = type === 'error' ? undefined : stanza.getChild('x', USER_NS);
  const item = x?.getChild('item');
  if (!item || (stanza.name === 'message' && from.includes('/'))) return undefined;
  const { jid, affiliation } = item.attrs;
  return { room, jid: jid === undefined ? undefined : bareOf(jid), affiliation };
}
