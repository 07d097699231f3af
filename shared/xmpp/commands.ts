/**
 * Responsibilities: verbs as ad-hoc commands (XEP-0050), with forms (XEP-0004).
 *
 * Theory of operation: `execute` without a form begins a session and answers the form of the verb's arguments; the form comes
 * back with `complete`, `next` or `execute`, and the verb runs. A verb that may lose work asks once more in a second stage.
 * A program sends its form with the first `execute` and is done: no session is made. What a client may not do is neither listed
 * nor begun.
 *
 * What can go wrong: a form sent twice has the same operation id in its hidden field, so that it acts once. Wrong arguments in a
 * session keep the session and what was filled in; in a program's one round trip they are an error.
 */
import xml, { type Element } from '@xmpp/xml';
import { Failure } from '#shared/errors.ts';
import { argFields } from '#shared/verb/fields.ts';
import { jobRow } from '#shared/verb/job-row.ts';
import type { Offer } from '#shared/verb/offer.ts';
import type { Answer, Requester } from '#shared/verb/request.ts';
import { rowOf, type Verb, verbOfNode } from '#shared/verb/verb.ts';
import type { Entity, IqCall } from './entity.ts';
import { FORMS_NS, type Form, formElement, parseSubmit } from './forms.ts';
import { bareOf } from './jid.ts';
import { type CommandSessions, commandSessions, type Session } from './sessions.ts';
import { COMMANDS_NS, printable } from './stanza-error.ts';
import { argumentForm, CONFIRM_FIELD, hidden, noteOf, OPERATION_FIELD, resultForm, wordsOf } from './verb-form.ts';

export interface CommandsDeps {
  entity: Pick<Entity, 'serve'>;
  offer: Offer;
  now(): number;
  newId(): string;
}

type Action = 'execute' | 'next' | 'prev' | 'complete' | 'cancel';
const ACTIONS: ReadonlySet<string> = new Set(['execute', 'next', 'prev', 'complete', 'cancel']);
const YES: ReadonlySet<string> = new Set(['1', 'true']);

interface Asked {
  call: IqCall;
  node: string;
  verb: string;
  row: Verb;
  requester: Requester;
}

export function serveCommands(deps: CommandsDeps): { sessions: CommandSessions } {
  const sessions = commandSessions(deps.now, deps.newId);
  deps.entity.serve('set', COMMANDS_NS, 'command', async (call) => {
    const { child } = call;
    const action = child.attrs.action ?? 'execute';
    if (!ACTIONS.has(action)) throw new Failure('bad-action', { action: action.slice(0, 40) });
    const asked = askedOf(call, deps.offer);
    const { sessionid } = child.attrs;
    if (sessionid === undefined) return begin(deps, sessions, asked, action as Action);
    return goOn(deps, sessions, asked, sessions.take(sessionid, call.from, asked.node), action as Action);
  });
  return { sessions };
}

function askedOf(call: IqCall, offer: Offer): Asked {
  const node = call.child.attrs.node ?? '';
  const verb = verbOfNode(node) ?? '';
  const row = rowOf(offer.table, verb);
  const requester = { bareJid: bareOf(call.from), fullJid: call.from };
  if (!row) throw new Failure('verb-unknown', { verb: (verb || node).slice(0, 64) });
  if (!offer.may(requester, verb)) throw new Failure('not-permitted', { requester: requester.bareJid, verb });
  return { call, node, verb, row, requester };
}

async function begin(deps: CommandsDeps, sessions: CommandSessions, asked: Asked, action: Action): Promise<Element> {
  if (action !== 'execute' && action !== 'complete')
    throw new Failure(action === 'cancel' ? 'bad-sessionid' : 'malformed-action', { action });
  const x = asked.call.child.getChild('x', FORMS_NS);
  if (x) return atOnce(deps, asked, parseSubmit(x));
  if (argFields(asked.row).length === 0 && asked.row.risk === 'read') return atOnce(deps, asked, new Map());
  const session = sessions.begin(asked.call.from, asked.node);
  return asking(asked, session, argumentForm(asked.verb, asked.row, deps.offer, asked.requester, session.operation));
}

/** A program's way: form in, result out. */
async function atOnce(
  deps: CommandsDeps,
  asked: Asked,
  values: ReadonlyMap<string, readonly string[]>,
): Promise<Element> {
  const operation = values.get(OPERATION_FIELD)?.[0] || deps.newId();
  const confirmed = YES.has(values.get(CONFIRM_FIELD)?.[0] ?? '');
  const answer = await perform(deps, asked, values, operation, confirmed);
  return completed(asked, deps.newId(), answer);
}

async function goOn(
  deps: CommandsDeps,
  sessions: CommandSessions,
  asked: Asked,
  session: Session,
  action: Action,
): Promise<Element> {
  if (action === 'cancel') {
    sessions.close(session);
    return xml('command', { xmlns: COMMANDS_NS, node: asked.node, sessionid: session.id, status: 'canceled' });
  }
  if (action === 'prev') return back(deps, asked, session);
  const x = asked.call.child.getChild('x', FORMS_NS);
  const values = x ? parseSubmit(x) : new Map<string, readonly string[]>();
  if (session.stage === 'confirm') return confirmStage(deps, sessions, asked, session, values);
  session.values = values;
  if (asked.row.risk === 'destroy' && !YES.has(values.get(CONFIRM_FIELD)?.[0] ?? '')) {
    session.stage = 'confirm';
    return asking(asked, session, confirmForm(asked, session), {
      type: 'warn',
      text: `This may lose work or data: ${asked.row.summary}`,
    });
  }
  return finish(deps, sessions, asked, session, asked.row.risk === 'destroy');
}

function back(deps: CommandsDeps, asked: Asked, session: Session): Element {
  if (session.stage === 'arguments') throw new Failure('malformed-action', { action: 'prev' });
  session.stage = 'arguments';
  return asking(
    asked,
    session,
    argumentForm(asked.verb, asked.row, deps.offer, asked.requester, session.operation, { values: session.values }),
  );
}

async function confirmStage(
  deps: CommandsDeps,
  sessions: CommandSessions,
  asked: Asked,
  session: Session,
  values: ReadonlyMap<string, readonly string[]>,
): Promise<Element> {
  if (YES.has(values.get(CONFIRM_FIELD)?.[0] ?? '')) return finish(deps, sessions, asked, session, true);
  const text = 'Nothing was done. Say yes to go on, or cancel.';
  return asking(asked, session, confirmForm(asked, session), { type: 'warn', text });
}

async function finish(
  deps: CommandsDeps,
  sessions: CommandSessions,
  asked: Asked,
  session: Session,
  confirmed: boolean,
): Promise<Element> {
  const operation = session.values.get(OPERATION_FIELD)?.[0] || session.operation;
  if (session.isBusy) throw new Failure('operation-running', { operation });
  session.isBusy = true;
  try {
    const answer = await perform(deps, asked, session.values, operation, confirmed);
    sessions.close(session);
    return completed(asked, session.id, answer);
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'bad-argument') {
      sessions.close(session);
      throw error;
    }
    session.stage = 'arguments';
    const form = argumentForm(asked.verb, asked.row, deps.offer, asked.requester, session.operation, {
      values: session.values,
    });
    return asking(asked, session, form, { type: 'error', text: error.message });
  } finally {
    session.isBusy = false;
  }
}

const perform = (
  { offer }: CommandsDeps,
  { verb, row, requester }: Asked,
  values: ReadonlyMap<string, readonly string[]>,
  operation: string,
  confirmed: boolean,
): Promise<Answer> =>
  offer.perform({ verb, args: wordsOf(row, values), requester, surface: 'form', operation, confirmed });

function confirmForm({ verb, row }: Asked, session: Session): Form {
  const guest = row.guestArg ? (session.values.get(row.guestArg)?.[0] ?? '') : '';
  const label = `${verb.replace('.', ' ')} ${guest}: are you sure?`;
  return {
    type: 'form',
    title: verb.replace('.', ' '),
    instructions: `${row.summary} This may lose work or data.`,
    fields: [
      hidden(OPERATION_FIELD, session.operation),
      { var: CONFIRM_FIELD, type: 'boolean', label, required: true, values: ['0'] },
    ],
  };
}

function asking(asked: Asked, session: Session, form: Form, note?: { type: 'warn' | 'error'; text: string }): Element {
  const isLast = session.stage === 'confirm' || asked.row.risk !== 'destroy';
  const actions = xml(
    'actions',
    { execute: isLast ? 'complete' : 'next' },
    ...(session.stage === 'confirm' ? [xml('prev')] : []),
    isLast ? xml('complete') : xml('next'),
  );
  return xml(
    'command',
    { xmlns: COMMANDS_NS, node: asked.node, sessionid: session.id, status: 'executing' },
    actions,
    formElement(form),
    note ? xml('note', { type: note.type }, printable(note.text)) : undefined,
  );
}

function completed(asked: Asked, sessionid: string, answer: Answer): Element {
  const row = answer.kind === 'job' ? jobRow : asked.row;
  const value = answer.kind === 'job' ? answer.job : answer.value;
  const { form, left } = resultForm(asked.verb, row, value);
  return xml(
    'command',
    { xmlns: COMMANDS_NS, node: asked.node, sessionid, status: 'completed' },
    formElement(form),
    xml('note', { type: 'info' }, printable(noteOf(row, value, left))),
  );
}
