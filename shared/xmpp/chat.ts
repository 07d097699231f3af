/**
 * Responsibilities: verbs in chat. One message is one command; its answer is a message.
 *
 * Theory of operation: a message of a person (type chat or normal, with a body) is read by the grammar of the verbs that this
 * person may use. A verb that may lose work is answered with a code; `yes CODE` carries it out. Whoever began a job is told when
 * it ends, also when they were offline meanwhile: the server keeps the message for them.
 *
 * What can go wrong: two programs that answer each other for ever. So errors, carbons, history, headlines, rooms and the own
 * echo are never answered, and a stranger is refused once. A message that comes twice has the same operation id, made of its
 * sender and its id, so that the journal knows it. One that was kept by the server while the agent was away is not carried out, and is said to be.
 */
import xml, { type Element } from '@xmpp/xml';
import { Failure } from '#shared/errors.ts';
import { parseWords, wordsIn } from '#shared/verb/grammar.ts';
import { helpText } from '#shared/verb/help.ts';
import { jobRow } from '#shared/verb/job-row.ts';
import type { Offer } from '#shared/verb/offer.ts';
import type { Answer, Requester } from '#shared/verb/request.ts';
import { lineOf, sayRecord, sayResult } from '#shared/verb/say.ts';
import { didYouMean } from '#shared/verb/suggest.ts';
import { rowOf, spokenOf, type VerbTable } from '#shared/verb/verb.ts';
import { chatCodes } from './chat-codes.ts';
import type { Entity } from './entity.ts';
import { bareOf, resourceOf, sameBare } from './jid.ts';
import { printable } from './stanza-error.ts';

export interface ChatDeps {
  entity: Pick<Entity, 'onMessage' | 'send' | 'bareJid'>;
  offer: Offer;
  now(): number;
  newId(): string;
  onBug(error: unknown, id: string): void;
}

const LINES_MAX = 60;
const CHARACTERS_MAX = 6_000;
const STRANGERS_MAX = 1_000;
const SEEN_MAX = 2_000;

const RECEIPTS_NS = 'urn:xmpp:receipts';
const DELAY_NS = 'urn:xmpp:delay';
const CORRECT_NS = 'urn:xmpp:message-correct:0';
const HINTS_NS = 'urn:xmpp:hints';
const ORIGIN_NS = 'urn:xmpp:sid:0';

export function serveChat(deps: ChatDeps): void {
  const codes = chatCodes(deps.now);
  const strangers = new Set<string>();
  const seen = new Set<string>();

  const take = async (stanza: Element): Promise<void> => {
    const said = saidIn(stanza, deps.entity.bareJid);
    if (!said) return;
    const table = tableFor(deps.offer, said.requester);
    if (Object.keys(table).length === 0) {
      if (!isNew(strangers, said.requester.bareJid, STRANGERS_MAX)) return;
      return answer(deps, said, `${said.requester.bareJid} has no role here. An administrator can grant one.`);
    }
    await receipt(deps, stanza);
    if (stanza.getChild('replace', CORRECT_NS))
      return answer(deps, said, 'A correction is not carried out: what was sent before it was. Send the command anew.');
    // Without an id there is nothing to know a repeat by.
    if (said.id && !isNew(seen, `${said.requester.fullJid} ${said.id}`, SEEN_MAX)) return;
    if (stanza.getChild('delay', DELAY_NS))
      return answer(
        deps,
        said,
        'I was away when you sent this, and did not carry it out. Send it again if it still holds.',
      );
    await answer(deps, said, await reply(deps, said, table, codes));
  };

  deps.entity.onMessage((stanza) => {
    take(stanza).catch((error) => deps.onBug(error, deps.newId().slice(0, 8)));
  });
  deps.offer.onJob((job, asker) => {
    if (asker.surface !== 'chat' || job.state === 'running') return;
    const message = messageTo(
      asker.requester.bareJid,
      deps.newId(),
      lineOf(jobRow, job as unknown as Record<string, unknown>),
    );
    deps.entity.send(message, 'keep').catch((error) => deps.onBug(error, job.id));
  });
}

interface Said {
  body: string;
  id: string;
  requester: Requester;
  thread: string | null;
  type: string;
}

/** What a person said to us; undefined for all that is not to be answered. */
function saidIn(stanza: Element, own: string): Said | undefined {
  const { from, type = 'normal', id = '' } = stanza.attrs;
  if (!from || (type !== 'chat' && type !== 'normal') || sameBare(from, own)) return undefined;
  if (stanza.getChildElements().some((child) => COPIES.has(child.getNS() ?? ''))) return undefined;
  const body = stanza.getChildText('body')?.trim();
  if (!body) return undefined;
  const origin = stanza.getChild('origin-id', ORIGIN_NS)?.attrs.id;
  return {
    body,
    id: origin || id,
    requester: { bareJid: bareOf(from), fullJid: from },
    thread: stanza.getChildText('thread'),
    type,
  };
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

function isNew(known: Set<string>, key: string, max: number): boolean {
  if (known.has(key)) return false;
  known.add(key);
  const [oldest] = known;
  if (known.size > max && oldest !== undefined) known.delete(oldest);
  return true;
}

/** The verbs that this person may use here. */
const tableFor = (offer: Offer, requester: Requester): VerbTable =>
  Object.fromEntries(Object.entries(offer.table).filter(([verb]) => offer.may(requester, verb)));

async function reply(
  deps: ChatDeps,
  said: Said,
  table: VerbTable,
  codes: ReturnType<typeof chatCodes>,
): Promise<string> {
  try {
    const spoken = parseWords(wordsIn(said.body), table);
    if (spoken.kind === 'help') return helpText(spoken.topic, table);
    if (spoken.kind === 'yes') {
      const asked = codes.take(spoken.code, said.requester.bareJid);
      if (!asked) return 'There is no such code of yours, or it is older than two minutes. Nothing was done.';
      return await carryOut(deps, said, asked.verb, asked.args, true);
    }
    return await carryOut(deps, said, spoken.verb, spoken.args, false, codes);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return error.message + hintFor(error, deps.offer, said.requester);
  }
}

async function carryOut(
  deps: ChatDeps,
  said: Said,
  verb: string,
  args: Record<string, unknown>,
  confirmed: boolean,
  codes?: ReturnType<typeof chatCodes>,
): Promise<string> {
  const operation = said.id
    ? `chat ${resourceOf(said.requester.fullJid).slice(0, 60)} ${said.id.slice(0, 100)}`
    : deps.newId();
  try {
    const done = await deps.offer.perform({
      verb,
      args,
      requester: said.requester,
      surface: 'chat',
      operation,
      confirmed,
    });
    return sayAnswer(deps.offer, verb, done);
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'confirmation-required' || !codes) throw error;
    const code = codes.give(said.requester.bareJid, verb, args);
    const row = rowOf(deps.offer.table, verb);
    const target = row?.guestArg ? ` ${String(args[row.guestArg] ?? '')}` : '';
    return `${spokenOf(verb)}${target} may lose work or data. Say yes ${code} within two minutes to go on.`;
  }
}

function sayAnswer(offer: Offer, verb: string, answer: Answer): string {
  if (answer.kind === 'job')
    return `${lineOf(jobRow, answer.job as unknown as Record<string, unknown>)}\nI shall tell you when it ends. Stop it with: job cancel ${answer.job.id}`;
  const row = rowOf(offer.table, verb);
  if (!row) return '';
  const [noun = '', action] = verb.split('.');
  if (action === 'info' || action === 'stats') return sayRecord(row, answer.value as Record<string, unknown>);
  return sayResult(row, noun, answer.value, LINES_MAX) || 'Nothing yet.';
}

/** Guests with a name like the one that is not there. */
function hintFor(error: Failure, offer: Offer, requester: Requester): string {
  if (error.code !== 'guest-not-found') return '';
  return didYouMean(String(error.details.guest ?? ''), offer.choices('guest', requester));
}

async function receipt({ entity }: ChatDeps, stanza: Element): Promise<void> {
  const { id, from } = stanza.attrs;
  if (!id || !stanza.getChild('request', RECEIPTS_NS)) return;
  await entity.send(
    xml(
      'message',
      { to: from, type: stanza.attrs.type },
      xml('received', { xmlns: RECEIPTS_NS, id }),
      xml('store', { xmlns: HINTS_NS }),
    ),
    'drop',
  );
}

async function answer({ entity, newId }: ChatDeps, said: Said, text: string): Promise<void> {
  for (const part of partsOf(text)) {
    const message = messageTo(said.requester.fullJid, newId(), part);
    if (said.thread) message.append(xml('thread', {}, said.thread));
    await entity.send(message, 'keep');
  }
}

const messageTo = (to: string, id: string, body: string): Element =>
  xml('message', { to, type: 'chat', id }, xml('body', {}, printable(body)));

/** Long answers in parts, cut between lines where there are any. */
function partsOf(text: string): string[] {
  const parts: string[] = [];
  let rest = text;
  while (rest.length > CHARACTERS_MAX) {
    const cut = rest.lastIndexOf('\n', CHARACTERS_MAX);
    const at = cut > CHARACTERS_MAX / 2 ? cut : CHARACTERS_MAX;
    parts.push(rest.slice(0, at));
    rest = rest.slice(at).replace(/^\n/, '');
  }
  return [...parts, rest];
}
