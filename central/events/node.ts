/**
 * Responsibilities: have a PubSub node (XEP-0060) that central alone publishes to, and that only those read who may.
 *
 * Theory of operation: with each new connection the node is made where it is not there, and configured: whitelisted readers, one
 * publisher. Readers are set when the policy changes; who is no reader any more loses the subscription too.
 *
 * What can go wrong: the service refuses. It is told to the log; events are lost until the next connection, and programs that read them
 * find the site by guest.list, as they do after any gap.
 */
import { randomUUID } from 'node:crypto';
import xml, { type Element } from '@xmpp/xml';
import { messageOf } from '#shared/errors.ts';
import type { Entity } from '#shared/xmpp/entity.ts';

const PUBSUB_NS = 'http://jabber.org/protocol/pubsub';
const OWNER_NS = `${PUBSUB_NS}#owner`;
const CONFIG: Readonly<Record<string, string>> = {
  'pubsub#title': 'What happens at the site',
  'pubsub#access_model': 'whitelist',
  'pubsub#publish_model': 'publishers',
  'pubsub#persist_items': '1',
  'pubsub#max_items': '100',
  'pubsub#send_last_published_item': 'never',
  'pubsub#deliver_payloads': '1',
  'pubsub#notify_retract': '0',
};

export interface NodeDeps {
  entity: Pick<Entity, 'request' | 'onStatus' | 'isOnline' | 'bareJid'>;
  service: string;
  node: string;
  readers(): ReadonlySet<string>;
  log: Record<'warn', (fields: object, message: string) => void>;
}

export interface PubsubNode {
  /** What is published while the service is away is lost. */
  publish(payload: Element): void;
  /** The readers may be others now. */
  refresh(): void;
  stop(): void;
}

export function pubsubNode({ entity, service, node, readers, log }: NodeDeps): PubsubNode {
  let known: ReadonlySet<string> = new Set();
  let isMade = false;
  /** One request after the other: what is published comes in order. */
  let turn: Promise<void> = Promise.resolve();
  const request = (child: Element): Promise<Element> =>
    entity.request({ from: entity.bareJid, to: service, type: 'set', child });
  const owner = (...children: Element[]): Promise<Element> => request(xml('pubsub', { xmlns: OWNER_NS }, ...children));
  const inTurn = (what: string, work: () => Promise<unknown>): void => {
    turn = turn.then(work).then(
      () => {},
      (error) => log.warn({ service, node, problem: messageOf(error) }, `${what} failed`),
    );
  };

  const make = async (): Promise<void> => {
    isMade = false;
    const fields = Object.entries({ FORM_TYPE: `${PUBSUB_NS}#node_config`, ...CONFIG });
    const form = xml(
      'x',
      { xmlns: 'jabber:x:data', type: 'submit' },
      ...fields.map(([name, value]) => fieldOf(name, value)),
    );
    // It is there already, for the most part.
    await request(xml('pubsub', { xmlns: PUBSUB_NS }, xml('create', { node }))).catch(() => {});
    await owner(xml('configure', { node }, form));
    known = new Set();
    await setReaders();
    isMade = true;
  };
  const setReaders = async (): Promise<void> => {
    const now = readers();
    const there = known.size > 0 ? known : await membersThere();
    const gone = [...there].filter((jid) => !now.has(jid));
    const affiliations = [
      ...gone.map((jid) => affiliation(jid, 'none')),
      ...[...now].map((jid) => affiliation(jid, 'member')),
    ];
    if (affiliations.length > 0) await owner(xml('affiliations', { node }, ...affiliations));
    if (gone.length > 0) await unsubscribe(new Set(gone));
    known = now;
  };
  const membersThere = async (): Promise<Set<string>> => {
    const child = xml('pubsub', { xmlns: OWNER_NS }, xml('affiliations', { node }));
    const answer = await entity.request({ from: entity.bareJid, to: service, type: 'get', child });
    const all = answer.getChild('pubsub', OWNER_NS)?.getChild('affiliations')?.getChildren('affiliation') ?? [];
    return new Set(all.flatMap(({ attrs }) => (attrs.affiliation === 'member' && attrs.jid ? [attrs.jid] : [])));
  };
  const unsubscribe = (jids: ReadonlySet<string>): Promise<Element> =>
    owner(
      xml('subscriptions', { node }, ...[...jids].map((jid) => xml('subscription', { jid, subscription: 'none' }))),
    );

  /** While the node is being made it waits: a site is told of, and changed, from the first moment on. */
  const whenMade = (what: string, work: () => Promise<unknown>): void => {
    if (entity.isOnline) inTurn(what, async () => isMade && work());
  };
  const offStatus = entity.onStatus(({ status }) => {
    if (status === 'online') inTurn('making the node of events', make);
  });
  return {
    publish: (payload) => {
      const item = xml('item', { id: randomUUID() }, payload);
      whenMade('telling an event', () => request(xml('pubsub', { xmlns: PUBSUB_NS }, xml('publish', { node }, item))));
    },
    refresh: () => whenMade('setting who reads events', setReaders),
    stop: offStatus,
  };
}

const fieldOf = (name: string, value: string): Element => xml('field', { var: name }, xml('value', {}, value));
const affiliation = (jid: string, word: 'none' | 'member'): Element => xml('affiliation', { jid, affiliation: word });
