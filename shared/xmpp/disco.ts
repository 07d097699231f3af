import { createHash } from 'node:crypto';
import xml, { type Element } from '@xmpp/xml';
import { Failure } from '#shared/errors.ts';
import { type Offer, type OfferAt, offerFor } from '#shared/verb/offer.ts';
import type { Requester } from '#shared/verb/request.ts';
import { nodeOf, rowOf, spokenOf, verbOfNode } from '#shared/verb/verb.ts';
import type { Entity, IqCall } from './entity.ts';
import { FORMS_NS } from './forms.ts';
import { bareOf } from './jid.ts';
import { COMMANDS_NS, StanzaError } from './stanza-error.ts';
import { UNDER_WAY_NS } from './under-way.ts';

/** Service discovery: XEP-0030; entity capabilities: XEP-0115. */
export const INFO_NS = 'http://jabber.org/protocol/disco#info';
export const ITEMS_NS = 'http://jabber.org/protocol/disco#items';
const CAPS_NS = 'http://jabber.org/protocol/caps';
/** What this program is, for clients that cache capabilities. */
const CAPS_NODE = 'urn:skerry:agent:1';

export interface Identity {
  category: string;
  type: string;
  name: string;
}

/** What an entity of ours can do; others add theirs before `serveDisco`. */
export const FEATURES: readonly string[] = [
  COMMANDS_NS,
  FORMS_NS,
  INFO_NS,
  ITEMS_NS,
  CAPS_NS,
  UNDER_WAY_NS,
  'jabber:iq:version',
  'urn:xmpp:ping',
  'urn:xmpp:receipts',
  'urn:xmpp:time',
  'urn:xmpp:message-correct:0',
].toSorted();

export interface DiscoDeps {
  entity: Pick<Entity, 'serve'>;
  offer: OfferAt;
  identity: Identity | ((to: string) => Identity);
  /** What else is here (disco#items without a node), for whoever asks. */
  itemsAt?(to: string, requester: Requester): readonly { jid: string; name: string }[];
}

export function serveDisco({ entity, offer, identity, itemsAt }: DiscoDeps): void {
  const identityAt = (to: string): Identity => (typeof identity === 'function' ? identity(to) : identity);
  entity.serve('get', INFO_NS, 'query', (call) => info(call, offerFor(offer, call.to), identityAt(call.to)));
  entity.serve('get', ITEMS_NS, 'query', (call) =>
    call.child.attrs.node === undefined
      ? xml(
          'query',
          { xmlns: ITEMS_NS },
          ...(itemsAt?.(call.to, requesterOf(call)) ?? []).map((item) => xml('item', { ...item })),
        )
      : items(call, offerFor(offer, call.to)),
  );
}

const requesterOf = ({ from }: IqCall): Requester => ({ bareJid: bareOf(from), fullJid: from });

function info(call: IqCall, offer: Offer, identity: Identity): Element {
  const { node } = call.child.attrs;
  if (node === undefined || node === capsNode(identity)) return query(INFO_NS, node, [identity], FEATURES);
  if (node === COMMANDS_NS)
    return query(INFO_NS, node, [{ category: 'automation', type: 'command-list', name: 'Commands' }], []);
  const name = spokenOf(permittedAt(call, node, offer));
  return query(INFO_NS, node, [{ category: 'automation', type: 'command-node', name }], [COMMANDS_NS, FORMS_NS]);
}

function items(call: IqCall, offer: Offer): Element {
  const { node = '' } = call.child.attrs;
  if (node !== COMMANDS_NS) {
    permittedAt(call, node, offer);
    return xml('query', { xmlns: ITEMS_NS, node });
  }
  const requester = requesterOf(call);
  const verbs = Object.keys(offer.table).filter((verb) => offer.may(requester, verb));
  return xml(
    'query',
    { xmlns: ITEMS_NS, node },
    ...verbs.map((verb) => xml('item', { jid: call.to, node: nodeOf(verb), name: spokenOf(verb) })),
  );
}

/** The verb of a command's node. @throws StanzaError item-not-found; Failure not-permitted */
function permittedAt(call: IqCall, node: string, offer: Offer): string {
  const verb = verbOfNode(node) ?? '';
  if (!rowOf(offer.table, verb)) throw new StanzaError('cancel', 'item-not-found', 'There is no such node here.');
  if (!offer.may(requesterOf(call), verb)) throw new Failure('not-permitted', { requester: bareOf(call.from), verb });
  return verb;
}

const query = (
  xmlns: string,
  node: string | undefined,
  identities: readonly Identity[],
  features: readonly string[],
): Element =>
  xml(
    'query',
    { xmlns, node },
    ...identities.map((identity) => xml('identity', { ...identity })),
    ...features.map((feature) => xml('feature', { var: feature })),
  );

/** XEP-0115 section 5.1: a hash of identities and features, each sorted by its bytes. */
export function verificationOf(identities: readonly Identity[], features: readonly string[]): string {
  const parts = [
    ...identities.map(({ category, type, name }) => `${category}/${type}//${name}`).toSorted(),
    ...features.toSorted(),
  ];
  return createHash('sha1')
    .update(parts.map((part) => `${part}<`).join(''))
    .digest('base64');
}

const capsNode = (identity: Identity): string => `${CAPS_NODE}#${verificationOf([identity], FEATURES)}`;

/** The element that goes into presence, so that clients know without asking. */
export const capsElement = (identity: Identity): Element =>
  xml('c', { xmlns: CAPS_NS, hash: 'sha-1', node: CAPS_NODE, ver: verificationOf([identity], FEATURES) });
