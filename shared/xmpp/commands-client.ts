import { randomUUID } from 'node:crypto';
import xml, { type Element } from '@xmpp/xml';
import { Failure } from '#shared/errors.ts';
import { Job } from '#shared/model/job.ts';
import { type Field, resultFields } from '#shared/verb/fields.ts';
import { jobRow } from '#shared/verb/job-row.ts';
import { nodeOf, type Verb, verbOfNode } from '#shared/verb/verb.ts';
import { asked } from './asked.ts';
import { ITEMS_NS } from './disco.ts';
import type { Entity } from './entity.ts';
import { FORMS_NS, type Form, type FormField, formElement, parseForm } from './forms.ts';
import { NEXT_FIELD } from './result-form.ts';
import { COMMANDS_NS } from './stanza-error.ts';
import {
  BEHALF_FIELD,
  CLIENT_FIELD,
  CONFIRM_FIELD,
  OPERATION_FIELD,
  SKIP_FIELD,
  SUPERSEDES_FIELD,
} from './verb-form.ts';

/** A program's side of commands (XEP-0050): one round trip, and the same operation id when it has to be asked again. */
export interface RunOptions {
  /** Of a component: which of its JIDs asks. */
  from?: string;
  /** Central only: on whose behalf. */
  behalfOf?: string;
  /** What the program is, for the audit trail. */
  client?: 'cli';
  operation?: string;
  /** Operations that this one takes the place of. */
  supersedes?: readonly string[];
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
export async function listVerbs(entity: Pick<Entity, 'request'>, jid: string): Promise<string[]> {
  const answer = await asked(jid, () =>
    entity.request({ to: jid, type: 'get', child: xml('query', { xmlns: ITEMS_NS, node: COMMANDS_NS }) }),
  );
  const items = answer.getChild('query', ITEMS_NS)?.getChildren('item', ITEMS_NS) ?? [];
  return items.flatMap((item) => verbOfNode(item.attrs.node ?? '') ?? []);
}

/** How long the answer to a verb may take; a job is only begun. */
export const answerMsMax = (row: Verb): number => (row.job ? 30_000 : row.timeoutMs + 5_000);

/**
 * Carry a verb out. A table that does not fit into one answer is asked for in parts, and given as a whole.
 *
 * @throws Failure as the peer's row says; peer-refused where it speaks no Skerry; no-answer, not-connected
 */
export async function runVerb(
  entity: Pick<Entity, 'request'>,
  jid: string,
  verb: string,
  row: Verb,
  args: Readonly<Record<string, unknown>>,
  options: RunOptions = {},
): Promise<Ran> {
  const { timeoutMs = answerMsMax(row), signal, from } = options;
  const operation = options.operation ?? randomUUID();
  const part = async (skip: number): Promise<Ran> => {
    const form = submitForm(verb, args, { ...options, operation, skip });
    const child = xml('command', { xmlns: COMMANDS_NS, node: nodeOf(verb), action: 'execute' }, formElement(form));
    const answer = await asked(jid, () =>
      entity.request({
        to: jid,
        type: 'set',
        child,
        timeoutMs,
        ...(from ? { from } : {}),
        ...(signal ? { signal } : {}),
      }),
    );
    return ranOf(answer, jid, row);
  };
  const first = await part(0);
  let latest = first;
  const records = Array.isArray(first.value) ? [...first.value] : [];
  for (let next = nextOf(latest); next !== undefined; next = nextOf(latest)) {
    // One that gives nothing new would be asked for ever.
    if (next !== records.length || (latest.value as unknown[]).length === 0)
      throw notUnderstood(jid, `the rest begins at ${next}, and ${records.length} were had`);
    latest = await part(next);
    records.push(...(latest.value as unknown[]));
  }
  return latest === first ? first : { ...first, value: records };
}

/** Where the rest of a table begins. */
function nextOf({ form }: Ran): number | undefined {
  const text = form.fields.find((field) => field.var === NEXT_FIELD)?.values[0];
  return form.reported && text !== undefined ? Number(text) : undefined;
}

function submitForm(
  verb: string,
  args: Readonly<Record<string, unknown>>,
  { operation, supersedes = [], confirmed, skip, behalfOf, client }: RunOptions & { operation: string; skip: number },
): Form {
  const fields: FormField[] = Object.entries(args).flatMap(([name, value]) =>
    value === undefined ? [] : [{ var: name, values: textsOf(value) }],
  );
  const control: FormField[] = [
    { var: OPERATION_FIELD, values: [operation] },
    ...(supersedes.length > 0 ? [{ var: SUPERSEDES_FIELD, values: [...supersedes] }] : []),
    ...(confirmed ? [{ var: CONFIRM_FIELD, values: ['1'] }] : []),
    ...(behalfOf === undefined ? [] : [{ var: BEHALF_FIELD, values: [behalfOf] }]),
    ...(client === undefined ? [] : [{ var: CLIENT_FIELD, values: [client] }]),
    ...(skip > 0 ? [{ var: SKIP_FIELD, values: [String(skip)] }] : []),
  ];
  return { type: 'submit', formType: nodeOf(verb), fields: [...control, ...fields] };
}

const textsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.map(String) : [value === true ? '1' : value === false ? '0' : String(value)];

function ranOf(answer: Element, jid: string, row: Verb): Ran {
  const command = answer.getChild('command', COMMANDS_NS);
  const x = command?.getChild('x', FORMS_NS);
  if (!command || !x || command.attrs.status !== 'completed')
    throw notUnderstood(jid, `the command is ${command?.attrs.status ?? 'not there'}, and a result was due`);
  const form = parseForm(x);
  const note = command.getChildText('note', COMMANDS_NS) ?? '';
  return { form, note, isJob: row.job === true, value: valueIn(form, row, jid) };
}

const notUnderstood = (peer: string, problem: string): Failure =>
  new Failure('peer-refused', { peer, condition: 'what is not understood', problem });

function valueIn(form: Form, row: Verb, jid: string): unknown {
  const { table } = resultFields(row);
  const schema = row.job ? Job : row.result;
  const ofJob = row.job ? jobRow : row;
  const isTable = table && !row.job;
  const parsed = schema.safeParse(
    isTable ? (form.items ?? []).map((item) => recordIn(item, ofJob)) : recordIn(form.fields, ofJob),
  );
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw notUnderstood(jid, `${issue?.path.join('.')}: ${issue?.message}`);
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
  return [[field.name, field.kind === 'text' ? text : Number(text || Number.NaN)]];
}
