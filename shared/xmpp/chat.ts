/**
 * Responsibilities: verbs in chat. One message is one command; its answer is a message.
 *
 * Theory of operation: a message of a person (type chat or normal, with a body) is read by the grammar of the verbs that this
 * person may use. A verb that may lose work is answered with a code; `yes CODE` carries it out. Whoever began a job is told when
 * it ends, also when they were offline meanwhile: the server keeps the message for them.
 *
 * What can go wrong: two programs that answer each other for ever. So errors, carbons, history, headlines, rooms and the own
 * echo are never answered, a stranger is refused once, and everybody within bounds. A message that comes twice has the same
 * operation id, made of its sender and its id, so that the journal knows it. One that was kept by the server while the agent was
 * away is not carried out, and is said to be.
 */
import type { Element } from '@xmpp/xml';
import { Failure } from '#shared/errors.ts';
import { toConfirm } from '#shared/verb/confirm.ts';
import { parseWords, type Spoken } from '#shared/verb/grammar.ts';
import { helpText } from '#shared/verb/help.ts';
import { type JobListener, type Offer, type OfferAt, offerFor } from '#shared/verb/offer.ts';
import type { Answer, Requester } from '#shared/verb/request.ts';
import { pictureIn, sayResult } from '#shared/verb/say.ts';
import { didYouMean } from '#shared/verb/suggest.ts';
import type { VerbTable } from '#shared/verb/verb.ts';
import { wordsIn } from '#shared/verb/words.ts';
import { chatBounds } from './chat-bounds.ts';
import { type ChatCodes, chatCodes } from './chat-codes.ts';
import { chatJobs, jobLine } from './chat-jobs.ts';
import { messageTo, partsOf, receiptTo, type Said, saidIn } from './chat-message.ts';
import type { Entity } from './entity.ts';
import { bareOf } from './jid.ts';
import { type Publish, pictureAt, type Reply, type Shown, shownOf } from './picture.ts';

export interface ChatDeps {
  entity: Pick<Entity, 'onMessage' | 'send' | 'bareJid'>;
  offer: OfferAt;
  /** Told of every change of every job. */
  onJob(listener: JobListener): () => void;
  /** Without it, pictures are told as text. */
  publish?: Publish | undefined;
  now(): number;
  newId(): string;
  onBug(error: unknown, id: string): void;
}

const LINES_MAX = 60;
const STRANGERS_MAX = 1_000;
const SEEN_MAX = 2_000;

const TEXTS = {
  correction: 'A correction is not carried out: what was sent before it was. Send the command anew.',
  late: 'I was away when you sent this, and did not carry it out. Send it again if it still holds.',
  noCode: 'There is no such code of yours, or it is older than two minutes. Nothing was done.',
  tooFast: 'That was too much at once: I do not hear what you send now. Wait a few seconds.',
  silence: 'I understood none of your last messages, and say so no more. Say help for what there is.',
  done: 'This message was carried out before, and was not again. It ended so:',
};

/** Answer chat on this entity. Returns what ends it. */
export function serveChat(deps: ChatDeps): () => void {
  const { entity, now, newId, onBug } = deps;
  const chat = chatter(deps);
  const bug = (error: unknown): void => onBug(error, newId().slice(0, 8));
  const offMessages = entity.onMessage((stanza) => {
    const said = saidIn(stanza, entity.bareJid);
    if (said) chat(said).catch(bug);
  });
  const send = (message: Parameters<Entity['send']>[0], whenOffline: 'keep' | 'drop'): void => {
    entity.send(message, whenOffline).catch(bug);
  };
  const offJobs = deps.onJob(chatJobs({ send, now, newId, from: isComponent(entity) ? entity.bareJid : undefined }));
  return () => {
    offMessages();
    offJobs();
  };
}

function chatter(deps: ChatDeps): (said: Said) => Promise<void> {
  const { entity, now, newId } = deps;
  const codes = chatCodes(now);
  const bounds = chatBounds(now);
  const strangers = new Set<string>();
  const seen = new Set<string>();

  const send = (said: Said, body: string, more?: Element): Promise<void> =>
    entity.send(messageTo(said.requester.fullJid, newId(), body, said.thread, speaker(entity, said), more), 'keep');
  const answer = async (said: Said, text: string): Promise<void> => {
    for (const part of partsOf(text)) await send(said, part);
  };
  const show = (said: Said, shown: Shown): Promise<void> =>
    'url' in shown ? send(said, shown.url, pictureAt(shown.url)) : answer(said, shown.text);

  return async (said) => {
    const { bareJid, fullJid } = said.requester;
    const offer = offerOr(deps.offer, said.to);
    if (offer instanceof Failure) return answer(said, offer.message);
    const table = tableFor(offer, said.requester);
    if (Object.keys(table).length === 0) {
      const refusal = `${bareJid} has no role here. An administrator can grant one.`;
      return isNew(strangers, bareJid, STRANGERS_MAX) ? answer(said, refusal) : undefined;
    }
    const admitted = bounds.admit(bareJid);
    if (admitted !== 'go') return admitted === 'tell' ? answer(said, TEXTS.tooFast) : undefined;
    if (said.receiptFor) await entity.send(receiptTo(fullJid, said.receiptFor, speaker(entity, said)), 'drop');
    // Without an id there is nothing to know a repeat by.
    if (said.key && !isNew(seen, said.key, SEEN_MAX)) return;
    if (said.isCorrection) return answer(said, TEXTS.correction);
    if (said.isLate) return answer(said, TEXTS.late);
    const spoken = understand(said.body, table, offer.table);
    if (!(spoken instanceof Failure)) {
      bounds.understood(bareJid);
      return show(said, await shownOf(await reply({ ...deps, offer }, codes, said, spoken, table), deps.publish));
    }
    const confused = bounds.confused(bareJid);
    if (confused !== 'ignore') await answer(said, confused === 'tell' ? TEXTS.silence : spoken.message);
  };
}

function isNew(known: Set<string>, key: string, max: number): boolean {
  if (known.has(key)) return false;
  known.add(key);
  const [oldest] = known;
  if (known.size > max && oldest !== undefined) known.delete(oldest);
  return true;
}

/** The verbs that this person may use here. */
export const tableFor = (offer: Offer, requester: Requester): VerbTable =>
  Object.fromEntries(Object.entries(offer.table).filter(([verb]) => offer.may(requester, verb)));

/** Read by what this person may use; what only others may use goes on to be refused, and stands in the audit trail so. */
export function understand(body: string, table: VerbTable, all: VerbTable): Spoken | Failure {
  const spoken = spokenIn(body, table);
  if (!(spoken instanceof Failure)) return spoken;
  const ofOthers = spokenIn(body, all);
  return ofOthers instanceof Failure ? spoken : ofOthers;
}

function spokenIn(body: string, table: VerbTable): Spoken | Failure {
  try {
    return parseWords(wordsIn(body), table);
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}

const isComponent = ({ bareJid }: Pick<Entity, 'bareJid'>): boolean => !bareJid.includes('@');

/** A component answers from the address that was spoken to. */
const speaker = (entity: Pick<Entity, 'bareJid'>, said: Said): string | undefined =>
  isComponent(entity) ? bareOf(said.to) : undefined;

function offerOr(offer: OfferAt, to: string): Offer | Failure {
  try {
    return offerFor(offer, to);
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}

export type ReplyDeps = Pick<ChatDeps, 'newId'> & { offer: Offer };

/** Carry out what was said, or say why not. */
export async function reply(
  deps: ReplyDeps,
  codes: ChatCodes,
  said: Said,
  spoken: Spoken,
  table: VerbTable,
): Promise<Reply> {
  if (spoken.kind === 'help') return { text: helpText(spoken.topic, table) };
  const asked = spoken.kind === 'yes' ? codes.take(spoken.code, holderOf(said)) : spoken;
  if (!asked) return { text: TEXTS.noCode };
  const { verb, args } = asked;
  try {
    const answer = await deps.offer.perform({
      verb,
      args,
      requester: said.requester,
      surface: 'chat',
      operation: said.key ? `chat ${said.key}` : deps.newId(),
      confirmed: spoken.kind === 'yes',
    });
    return sayAnswer(deps.offer, verb, answer);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.code !== 'confirmation-required')
      return { text: error.message + hintFor(error, deps.offer, said.requester) };
    const code = codes.give(holderOf(said), verb, args);
    return { text: `${toConfirm(error)} Say yes ${code} within two minutes to go on.` };
  }
}

/** A code holds where it was given. */
const holderOf = ({ requester, to }: Said): string => `${requester.bareJid} ${bareOf(to)}`;

function sayAnswer({ table }: Offer, verb: string, answer: Answer): Reply {
  const svg = answer.kind === 'result' ? pictureIn(verb, table, answer.value) : undefined;
  const text =
    answer.kind === 'result'
      ? sayResult(verb, table, answer.value, LINES_MAX)
      : `${jobLine(answer.job)}\nI shall tell you when it ends. Stop it with: job cancel ${answer.job.id}`;
  return { text: answer.replayed ? `${TEXTS.done}\n${text}` : text, ...(svg === undefined ? {} : { svg }) };
}

/** Names like the one that is not there. */
function hintFor({ code, details }: Failure, offer: Offer, requester: Requester): string {
  if (code === 'guest-not-found' && !/Did you mean/.test(String(details.host)))
    return didYouMean(String(details.guest ?? ''), offer.choices('guest', requester));
  return code === 'job-not-found' ? didYouMean(String(details.job ?? ''), offer.choices('job', requester)) : '';
}
