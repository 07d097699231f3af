import xml, { type Element } from '@xmpp/xml';
import type { Clock } from '#shared/clock.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { bareOf, resourceOf } from '#shared/xmpp/jid.ts';
import { pictureAt } from '#shared/xmpp/picture.ts';

/** Rooms: XEP-0045. */
const MUC_NS = 'http://jabber.org/protocol/muc';
const MUC_USER_NS = `${MUC_NS}#user`;
const MUC_ADMIN_NS = `${MUC_NS}#admin`;
const MUC_OWNER_NS = `${MUC_NS}#owner`;
const DELAY_NS = 'urn:xmpp:delay';
const REJOIN_MS = 5_000;

export interface MucDeps {
  entity: Pick<Entity, 'send' | 'request' | 'onPresence' | 'onMessage' | 'onStatus' | 'isOnline' | 'bareJid'>;
  room: string;
  nick: string;
  /** Bare JIDs of those who own the room beside us, where we make it. */
  owners: readonly string[];
  clock: Clock;
  /** Somebody said something now: not we, not the past. `jid`: who it is, by the room's word. */
  said(nick: string, jid: string, body: string, id: string | undefined): void;
  log: Record<'info' | 'warn', (fields: object, message: string) => void>;
  onBug(error: unknown): void;
}

export interface Muc {
  /** What is said while we are not in the room is not kept. */
  say(body: string): void;
  /** A picture, by its URL. */
  show(url: string): void;
  /** To one occupant alone. */
  whisper(nick: string, body: string): void;
  stop(): void;
}

/** Be in a room: join, make it where it is not there, join again when thrown out or the server was away, know who is who. */
export function muc(deps: MucDeps): Muc {
  const { entity, room, nick, clock, log, onBug } = deps;
  const own = `${entity.bareJid}/${nick}`;
  const jids = new Map<string, string>();
  let isIn = false;
  let callOff = (): void => {};
  const send = (stanza: Element): void => void entity.send(stanza, 'drop').catch(onBug);

  const say = (body: string, more?: Element): void => {
    if (isIn) send(xml('message', { from: own, to: room, type: 'groupchat' }, xml('body', {}, body), more));
  };

  const join = (): void => {
    jids.clear();
    isIn = false;
    const x = xml('x', { xmlns: MUC_NS }, xml('history', { maxstanzas: '0' }));
    send(xml('presence', { from: own, to: `${room}/${nick}` }, x));
  };
  const joinLater = (): void => {
    callOff();
    callOff = clock.after(REJOIN_MS, () => entity.isOnline && join());
  };
  const joined = (isNew: boolean): void => {
    isIn = true;
    log.info({ room }, 'in the room');
    if (isNew) configure(deps, own).catch(onBug);
  };
  const onPresence = (stanza: Element): void => {
    const { from = '', type } = stanza.attrs;
    if (bareOf(from) !== room) return;
    const x = stanza.getChild('x', MUC_USER_NS);
    const codes = new Set((x?.getChildren('status') ?? []).map(({ attrs }) => attrs.code));
    const who = resourceOf(from);
    if (type === 'error' || (type === 'unavailable' && (who === nick || codes.has('110')))) {
      if (type === 'error') log.warn({ room, problem: String(stanza.getChild('error')) }, 'room cannot be joined');
      isIn = false;
      joinLater();
    } else if (type === 'unavailable') jids.delete(who);
    else {
      const jid = x?.getChild('item')?.attrs.jid;
      if (jid) jids.set(who, jid);
      if (codes.has('110')) joined(codes.has('201'));
    }
  };
  const onMessage = (stanza: Element): void => {
    const { from = '', type, id } = stanza.attrs;
    if (bareOf(from) !== room || type !== 'groupchat' || stanza.getChild('delay', DELAY_NS)) return;
    const who = resourceOf(from);
    const jid = jids.get(who);
    const body = stanza.getChildText('body')?.trim();
    if (who !== nick && jid && body) deps.said(who, jid, body, id);
  };
  const offs = [
    entity.onPresence(onPresence),
    entity.onMessage(onMessage),
    entity.onStatus(({ status }) => {
      if (status === 'offline') isIn = false;
      else join();
    }),
  ];

  return {
    say: (body) => say(body),
    show: (url) => say(url, pictureAt(url)),
    whisper: (who, body) => {
      const message = { from: own, to: `${room}/${who}`, type: 'chat' };
      send(xml('message', message, xml('body', {}, body), xml('x', { xmlns: MUC_USER_NS })));
    },
    stop: () => {
      callOff();
      for (const off of offs) off();
    },
  };
}

/** A room that was not there waits for its configuration (section 10.1). People have to own it too, who let others in. */
async function configure({ entity, room, owners }: MucDeps, own: string): Promise<void> {
  const field = (name: string, value: string): Element => xml('field', { var: name }, xml('value', {}, value));
  const form = xml(
    'x',
    { xmlns: 'jabber:x:data', type: 'submit' },
    field('FORM_TYPE', `${MUC_NS}#roomconfig`),
    field('muc#roomconfig_roomname', 'Operations'),
    field('muc#roomconfig_persistentroom', '1'),
    // Commands count only from people whose addresses can be seen.
    field('muc#roomconfig_whois', 'anyone'),
  );
  await entity.request({ from: own, to: room, type: 'set', child: xml('query', { xmlns: MUC_OWNER_NS }, form) });
  if (owners.length === 0) return;
  const items = owners.map((jid) => xml('item', { affiliation: 'owner', jid }));
  await entity.request({ from: own, to: room, type: 'set', child: xml('query', { xmlns: MUC_ADMIN_NS }, ...items) });
}
