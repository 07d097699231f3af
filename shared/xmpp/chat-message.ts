import { createHash } from 'node:crypto';
import xml, { type Element } from '@xmpp/xml';
import type { Requester } from '#shared/verb/request.ts';
import { bareOf, sameBare } from './jid.ts';
import { printable } from './stanza-error.ts';

const CHARACTERS_MAX = 6_000;
const PARTS_MAX = 8;

const RECEIPTS_NS = 'urn:xmpp:receipts';
const DELAY_NS = 'urn:xmpp:delay';
const CORRECT_NS = 'urn:xmpp:message-correct:0';
const HINTS_NS = 'urn:xmpp:hints';
const ORIGIN_NS = 'urn:xmpp:sid:0';

/** What a person said, of all that a message may hold. */
export interface Said {
  body: string;
  /** The address that it was sent to. */
  to: string;
  /** Unique for its sender, by their own word; undefined where they gave none. */
  key: string | undefined;
  requester: Requester;
  thread: string | null;
  /** It changes what was said before (XEP-0308). */
  isCorrection: boolean;
  /** It waited for us on the server (XEP-0203, XEP-0160). */
  isLate: boolean;
  /** The id that a receipt is asked for (XEP-0184). */
  receiptFor: string | undefined;
}

/** Carbons (XEP-0280), archives (XEP-0313), forwards (XEP-0297), pubsub events, what goes through a room (XEP-0045). */
const COPIES: ReadonlySet<string> = new Set([
  'urn:xmpp:carbons:2',
  'urn:xmpp:mam:2',
  'urn:xmpp:forward:0',
  'http://jabber.org/protocol/pubsub#event',
  'http://jabber.org/protocol/muc#user',
  'jabber:x:conference',
]);

/** What a person said to us; undefined for all that is not to be answered. */
export function saidIn(stanza: Element, own: string): Said | undefined {
  const { from, type = 'normal', id } = stanza.attrs;
  if (!from || (type !== 'chat' && type !== 'normal') || sameBare(from, own)) return undefined;
  if (stanza.getChildElements().some((child) => COPIES.has(child.getNS() ?? ''))) return undefined;
  const body = stanza.getChildText('body')?.trim();
  if (!body) return undefined;
  const requester = { bareJid: bareOf(from), fullJid: from };
  return {
    body,
    to: stanza.attrs.to ?? own,
    key: keyOf(requester.bareJid, stanza.getChild('origin-id', ORIGIN_NS)?.attrs.id || id, body),
    requester,
    thread: stanza.getChildText('thread'),
    isCorrection: stanza.getChild('replace', CORRECT_NS) !== undefined,
    isLate: stanza.getChild('delay', DELAY_NS) !== undefined,
    receiptFor: stanza.getChild('request', RECEIPTS_NS) ? id || undefined : undefined,
  };
}

/** The same message has the same key, from whichever resource it is sent again. The body guards against clients that count from 1. */
const keyOf = (sender: string, id: string | undefined, body: string): string | undefined =>
  id
    ? createHash('sha256')
        .update(JSON.stringify([sender, id, body]))
        .digest('hex')
        .slice(0, 32)
    : undefined;

/**
 * @param from only of a component, which has to say which of its addresses speaks
 * @param more what goes with the body
 */
export const messageTo = (
  to: string,
  id: string,
  body: string,
  thread?: string | null,
  from?: string,
  more?: Element,
): Element =>
  xml(
    'message',
    { to, type: 'chat', id, ...(from === undefined ? {} : { from }) },
    xml('body', {}, printable(body)),
    thread ? xml('thread', {}, thread) : undefined,
    more,
  );

export const receiptTo = (to: string, id: string, from?: string): Element =>
  xml(
    'message',
    { to, type: 'chat', ...(from === undefined ? {} : { from }) },
    xml('received', { xmlns: RECEIPTS_NS, id }),
    xml('store', { xmlns: HINTS_NS }),
  );

/** A long answer in parts, cut between lines where there are any; the first so many of them. */
export function partsOf(text: string): string[] {
  const parts: string[] = [];
  let rest = text;
  while (rest.length > CHARACTERS_MAX && parts.length < PARTS_MAX) {
    const at = cutIn(rest);
    parts.push(rest.slice(0, at));
    rest = rest.slice(at).replace(/^\n/, '');
  }
  if (parts.length < PARTS_MAX) return [...parts, rest];
  return [...parts, `… and ${rest.length} characters more. Ask for less, or use a form or the command line.`];
}

function cutIn(text: string): number {
  const line = text.lastIndexOf('\n', CHARACTERS_MAX);
  if (line > CHARACTERS_MAX / 2) return line;
  // Never between the halves of one character.
  return /[\ud800-\udbff]/.test(text[CHARACTERS_MAX - 1] ?? '') ? CHARACTERS_MAX - 1 : CHARACTERS_MAX;
}
