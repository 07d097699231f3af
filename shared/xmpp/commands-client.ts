import { randomUUID } from 'node:crypto';
import xml, { type Element } from '@xmpp/xml';
import { Failure } from '#shared/errors.ts';
import { Job } from '#shared/model/job.ts';
import { type Field, resultFields } from '#shared/verb/fields.ts';
import { jobRow } from '#shared/verb/job-row.ts';
import { nodeOf, type Verb, verbOfNode } from '#shared/verb/verb.ts';
import { ITEMS_NS } from './disco.ts';
import type { Entity } from './entity.ts';
import { FORMS_NS, type Form, type FormField, formElement, parseForm } from './forms.ts';
import { COMMANDS_NS, StanzaError } from './stanza-error.ts';
import { CONFIRM_FIELD, OPERATION_FIELD } from './verb-form.ts';

/** A program's side of commands (XEP-0050): one round trip, and the same operation id when it has to be asked again. */
export interface RunOptions {
  operation?: string;
  confirmed?: boolean;
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** What came back: the form, the note in words, and the record or records by the row. */
export interface Ran {
  form: Form;
  note: string;
  isJob: boolean;
  value: unknown;
}

/** Verbs that the peer lets us use. @throws Failure peer-refused, no-answer, not-connected */
export async function listVerbs(entity: Entity, jid: string): Promise<string[]> {
  const answer = await asked(jid, () =>
    entity.request({ to: jid, type: 'get', child: xml('query', { xmlns: ITEMS_NS, node: COMMANDS_NS }) }),
  );
  const items = answer.getChild('query', ITEMS_NS)?.getChildren('item', ITEMS_NS) ?? [];
  return items.flatMap((item) => verbOfNode(item.attrs.node ?? '') ?? []);
}

/** @throws Failure as the peer's row says; peer-refused where it speaks no Skerry; no-answer, not-connected */
export async function runVerb(
  entity: Entity,
  jid: string,
  verb: string,
  row: Verb,
  args: Readonly<Record<string, unknown>>,
  options: RunOptions = {},
): Promise<Ran> {
  const submit = submitForm(verb, args, options.operation ?? randomUUID(), options.confirmed ?? false);
  const child = xml('command', { xmlns: COMMANDS_NS, node: nodeOf(verb), action: 'execute' }, formElement(submit));
  const timeoutMs = options.timeoutMs ?? (row.job ? 30_000 : row.timeoutMs + 5_000);
  const answer = await asked(jid, () =>
    entity.request({ to: jid, type: 'set', child, timeoutMs, ...(options.signal ? { signal: options.signal } : {}) }),
  );
  return ranOf(answer, jid, row);
}

function submitForm(
  verb: string,
  args: Readonly<Record<string, unknown>>,
  operation: string,
  confirmed: boolean,
): Form {
  const fields: FormField[] = Object.entries(args).flatMap(([name, value]) =>
    value === undefined ? [] : [{ var: name, values: textsOf(value) }],
  );
  const confirm: FormField[] = confirmed ? [{ var: CONFIRM_FIELD, values: ['1'] }] : [];
  return {
    type: 'submit',
    formType: nodeOf(verb),
    fields: [{ var: OPERATION_FIELD, values: [operation] }, ...confirm, ...fields],
  };
}

const textsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.map(String) : [value === true ? '1' : value === false ? '0' : String(value)];

function ranOf(answer: Element, jid: string, row: Verb): Ran {
  const command = answer.getChild('command', COMMANDS_NS);
  const x = command?.getChild('x', FORMS_NS);
  if (!command || !x || command.attrs.status !== 'completed') {
    throw new Failure('peer-refused', {
      peer: jid,
      condition: command?.attrs.status ?? 'nothing',
      problem: 'a result was due',
    });
  }
  const form = parseForm(x);
  const note = command.getChildText('note', COMMANDS_NS) ?? '';
  const isJob = row.job === true;
  return { form, note, isJob, value: isJob ? Job.parse(recordIn(form.fields, jobRow)) : resultOf(form, row) };
}

function resultOf(form: Form, row: Verb): unknown {
  const { table } = resultFields(row);
  return row.result.parse(table ? (form.items ?? []).map((item) => recordIn(item, row)) : recordIn(form.fields, row));
}

/** A record of the wire, by the fields of the row. What the row does not know is left out, so that an older client reads a newer agent. */
function recordIn(given: readonly FormField[], row: Verb): Record<string, unknown> {
  const byName = new Map(given.map((field) => [field.var, field.values]));
  return Object.fromEntries(resultFields(row).fields.flatMap((field) => fieldIn(field, byName.get(field.name))));
}

function fieldIn(field: Field, texts: readonly string[] | undefined): [string, unknown][] {
  if (texts === undefined) return [];
  if (field.kind === 'list') return [[field.name, [...texts]]];
  const text = texts.join('\n');
  if (texts.length === 0) return field.required && field.kind === 'text' ? [[field.name, '']] : [];
  if (field.kind === 'boolean') return [[field.name, text === '1' || text === 'true']];
  return [[field.name, field.kind === 'text' ? text : Number(text)]];
}

/** What a peer's error means here. */
export async function asked<T>(peer: string, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error;
    if (error.failure) throw new Failure(error.failure, error.details, { cause: error });
    throw new Failure('peer-refused', { peer, condition: error.condition, problem: error.message }, { cause: error });
  }
}
