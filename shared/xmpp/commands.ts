/**
 * Responsibilities: verbs as ad-hoc commands (XEP-0050), with forms (XEP-0004).
 *
 * Theory of operation: `execute` without a form begins a session and answers the form of the verb's arguments; the form comes
 * back with `complete`, `next` or `execute`, and the verb is performed. Where `perform` says that it wants a confirmation, a
 * second form asks for it. A program sends its form with the first `execute` and is done: no session is made. What a client may
 * not do is neither listed nor begun.
 *
 * What can go wrong: a form sent twice has the same operation id in its hidden field, so that it acts once; while it is under
 * way, the second one waits for the answer of the first. What a person can mend in a form (an argument is wrong) keeps the
 * session and what was filled in; in a program's one round trip it is an error.
 */
import type { Element } from '@xmpp/xml';
import { Failure, type FailureCode } from '#shared/errors.ts';
import { toConfirm } from '#shared/verb/confirm.ts';
import { argFields } from '#shared/verb/fields.ts';
import { type Offer, type OfferAt, offerFor } from '#shared/verb/offer.ts';
import type { Answer, Request, Requester, Surface } from '#shared/verb/request.ts';
import { rowOf, verbOfNode } from '#shared/verb/verb.ts';
import { type Action, actionOf, checkLocale, commandElement, type Note, type Reply } from './command-element.ts';
import type { Entity, IqCall } from './entity.ts';
import { FORMS_NS, parseSubmit, type Submitted } from './forms.ts';
import { bareOf } from './jid.ts';
import { resultForm } from './result-form.ts';
import { type CommandSessions, commandSessions, type Session } from './sessions.ts';
import { COMMANDS_NS } from './stanza-error.ts';
import { serveUnderWay } from './under-way.ts';
import {
  argumentForm,
  BEHALF_FIELD,
  CLIENT_FIELD,
  CONFIRM_FIELD,
  confirmForm,
  type FormFor,
  OPERATION_FIELD,
  SUPERSEDES_FIELD,
  skipOf,
  wordsOf,
} from './verb-form.ts';

/** More than a chain ever gives up at once. */
const SUPERSEDED_MAX = 100;

export interface CommandsDeps {
  entity: Pick<Entity, 'serve'>;
  offer: OfferAt;
  now(): number;
  /** Not to be guessed: session ids are made by it. */
  newId(): string;
}

interface Context extends CommandsDeps {
  sessions: CommandSessions;
}

interface Asked extends FormFor {
  node: string;
  /** A session belongs to the address that it was begun at. */
  place: string;
  action: Action;
  /** The form that came with it. */
  submitted: Submitted | undefined;
}

/** Failures that had no effect, and that a person mends by filling the form in otherwise, or by sending it once more. */
const MENDED_IN_FORM: ReadonlySet<FailureCode> = new Set([
  'bad-argument',
  'guest-definition',
  'guest-exists',
  'too-busy',
]);

export function serveCommands(deps: CommandsDeps): { sessions: CommandSessions } {
  const sessions = commandSessions(deps.now, deps.newId);
  const context = { ...deps, sessions };
  const underWay = serveUnderWay(deps.entity);
  const replyTo = async (call: IqCall, asked: Asked): Promise<Reply> => {
    const { sessionid } = call.child.attrs;
    return sessionid === undefined
      ? begin(context, asked)
      : goOn(context, asked, sessions.take(sessionid, call.from, asked.place));
  };
  deps.entity.serve('set', COMMANDS_NS, 'command', async (call) => {
    const asked = askedOf(offerFor(deps.offer, call.to), call);
    const operation = asked.submitted?.get(OPERATION_FIELD)?.[0];
    const reply = (): Promise<Reply> => replyTo(call, asked);
    return commandElement(await (operation ? underWay.during(call.from, operation, reply) : reply()));
  });
  return { sessions };
}

function askedOf(offer: Offer, call: IqCall): Asked {
  const node = call.child.attrs.node ?? '';
  const verb = verbOfNode(node) ?? '';
  const row = rowOf(offer.table, verb);
  if (!row) throw new Failure('verb-unknown', { verb: (verb || node).slice(0, 64) });
  checkLocale(call.stanza, call.child);
  const action = actionOf(call.child);
  const submitted = submittedIn(call.child, action, node);
  const place = `${bareOf(call.to)} ${node}`;
  return { node, place, verb, row, offer, requester: requesterOf(offer, call.from, submitted), action, submitted };
}

/** Who asks, by the server's word; and on whose behalf, by central's. @throws Failure not-permitted */
function requesterOf(offer: Offer, fullJid: string, submitted: Submitted | undefined): Requester {
  const bareJid = bareOf(fullJid);
  const behalfOf = submitted?.get(BEHALF_FIELD)?.[0];
  if (behalfOf === undefined) return { bareJid, fullJid };
  if (offer.speaksForOthers?.(bareJid)) return { bareJid, fullJid, behalfOf: behalfOf.slice(0, 3071) };
  throw new Failure('not-permitted', { requester: bareJid, verb: 'ask on behalf of others' });
}

function submittedIn(command: Element, action: Action, formType: string): Submitted | undefined {
  // Whoever goes back or cancels need not have filled in anything that can be read.
  if (action === 'prev' || action === 'cancel') return undefined;
  const [x, another] = command.getChildren('x', FORMS_NS);
  if (another) throw new Failure('bad-payload', { problem: 'there is more than one form' });
  return x && parseSubmit(x, formType);
}

async function begin(context: Context, asked: Asked): Promise<Reply> {
  const { action, submitted, row } = asked;
  if (action !== 'execute' && action !== 'complete') throw new Failure('bad-action', { action });
  const hasFields = argFields(row).length > 0;
  if (submitted || (!hasFields && row.risk !== 'destroy')) return atOnce(context, asked, submitted ?? new Map());
  const { offer, requester, verb } = asked;
  if (!offer.may(requester, verb)) return refused(context, asked);
  const session = context.sessions.begin(requester.fullJid, asked.place);
  return hasFields ? askArguments(asked, session) : carryOut(context, asked, session, false);
}

/** What is not permitted gets no form. It goes to perform, which refuses by the same predicate, and writes down that it did. */
async function refused(context: Context, asked: Asked): Promise<never> {
  const { requester, verb } = asked;
  await perform(asked, new Map(), context.newId(), false);
  throw new Failure('not-permitted', { requester: requester.bareJid, verb });
}

/** A program's way: form in, result out. */
async function atOnce(context: Context, asked: Asked, submitted: Submitted): Promise<Reply> {
  const skip = skipOf(asked.row, submitted);
  const operation = submitted.get(OPERATION_FIELD)?.[0] || context.newId();
  const answer = await perform(asked, submitted, operation, isConfirmed(submitted));
  return completed(asked, context.newId(), answer, skip);
}

async function goOn(context: Context, asked: Asked, session: Session): Promise<Reply> {
  const { action, submitted } = asked;
  const submit = JSON.stringify([...(submitted ?? [])]);
  if (session.running) {
    const isSame = session.running.submit === submit && submitted !== undefined;
    if (!isSame) throw new Failure('operation-running', { operation: session.operation });
    return session.running.answer;
  }
  if (action === 'cancel') {
    context.sessions.close(session);
    return { ...placeOf(asked, session), status: 'canceled' };
  }
  if (action === 'prev') return goBack(asked, session);
  if (session.stage === 'confirm' && !isConfirmed(submitted)) {
    return askConfirmation(asked, session, 'Nothing was done. Say yes to go on, or cancel.');
  }
  if (session.stage === 'arguments' && submitted) session.submitted = submitted;
  const answer = carryOut(context, asked, session, isConfirmed(submitted));
  session.running = { submit, answer };
  try {
    return await answer;
  } finally {
    delete session.running;
  }
}

const isConfirmed = (submitted: Submitted | undefined): boolean => {
  const [value = ''] = submitted?.get(CONFIRM_FIELD) ?? [];
  return value === '1' || value === 'true';
};

function goBack(asked: Asked, session: Session): Reply {
  if (!actionsAt(asked, session).includes('prev')) throw new Failure('bad-action', { action: 'prev' });
  session.stage = 'arguments';
  return askArguments(asked, session);
}

async function carryOut(context: Context, asked: Asked, session: Session, confirmed: boolean): Promise<Reply> {
  const operation = session.submitted.get(OPERATION_FIELD)?.[0] || session.operation;
  try {
    const skip = skipOf(asked.row, session.submitted);
    const answer = await perform(asked, session.submitted, operation, confirmed);
    context.sessions.close(session);
    return completed(asked, session.id, answer, skip);
  } catch (error) {
    if (error instanceof Failure && error.code === 'confirmation-required') {
      session.stage = 'confirm';
      session.question = toConfirm(error);
      return askConfirmation(asked, session, session.question);
    }
    if (error instanceof Failure && MENDED_IN_FORM.has(error.code)) {
      session.stage = 'arguments';
      // The journal may know the old id with the old arguments.
      session.operation = context.newId();
      return askArguments(asked, session, { type: 'error', text: error.message });
    }
    context.sessions.close(session);
    throw error;
  }
}

const perform = (
  { verb, row, offer, requester }: Asked,
  submitted: Submitted,
  operation: string,
  confirmed: boolean,
): Promise<Answer> =>
  offer.perform({
    verb,
    args: wordsOf(row, submitted),
    requester,
    surface: surfaceOf(requester, submitted),
    operation,
    ...supersededIn(requester, submitted),
    confirmed,
  });

/** Central alone gives operations up for others: what people ask is theirs to ask again. */
const supersededIn = ({ behalfOf }: Requester, submitted: Submitted): Pick<Request, 'supersedes'> => {
  const supersedes = behalfOf === undefined ? [] : (submitted.get(SUPERSEDES_FIELD) ?? []);
  return supersedes.length > 0 ? { supersedes: supersedes.slice(0, SUPERSEDED_MAX) } : {};
};

const surfaceOf = ({ behalfOf }: Requester, submitted: Submitted): Surface => {
  if (behalfOf !== undefined) return 'central';
  return submitted.get(CLIENT_FIELD)?.[0] === 'cli' ? 'cli' : 'form';
};

const askArguments = (asked: Asked, session: Session, note?: Note): Reply =>
  ask(asked, session, { form: argumentForm(asked, session.operation, session.submitted), ...(note ? { note } : {}) });

const askConfirmation = (asked: Asked, session: Session, text: string): Reply =>
  ask(asked, session, {
    form: confirmForm(asked, session.operation, session.question),
    note: { type: 'warn', text },
  });

const ask = (asked: Asked, session: Session, rest: Pick<Reply, 'form' | 'note'>): Reply => ({
  ...placeOf(asked, session),
  status: 'executing',
  actions: actionsAt(asked, session),
  ...rest,
});

const placeOf = ({ node }: Asked, { id }: Session): { node: string; sessionid: string } => ({ node, sessionid: id });

function actionsAt({ row }: Asked, { stage }: Session): NonNullable<Reply['actions']> {
  if (stage === 'arguments') return row.risk === 'destroy' ? ['next'] : ['complete'];
  return argFields(row).length > 0 ? ['complete', 'prev'] : ['complete'];
}

function completed({ node, verb, offer }: Asked, sessionid: string, answer: Answer, skip: number): Reply {
  const { form, note } = resultForm(verb, offer.table, answer, skip);
  return { node, sessionid, status: 'completed', form, note: { type: 'info', text: note } };
}
