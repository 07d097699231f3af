import { argFields, type Field, resultFields } from '#shared/verb/fields.ts';
import type { Offer } from '#shared/verb/offer.ts';
import type { Requester } from '#shared/verb/request.ts';
import { labelOf, lineOf, recordsOf } from '#shared/verb/say.ts';
import { nodeOf, spokenOf, type Verb } from '#shared/verb/verb.ts';
import type { Form, FormField } from './forms.ts';

/** The hidden field with the operation's id: clients send hidden fields back, so that a form sent twice acts once. */
export const OPERATION_FIELD = 'operation';
export const CONFIRM_FIELD = 'confirm';

const CHOICES_MAX = 200;
/** Half of what the server lets pass in one stanza. */
const RESULT_BYTES_MAX = 262_144;

export interface Filled {
  values: ReadonlyMap<string, readonly string[]>;
}

/** The form that asks for a verb's arguments, with what was filled in already. */
export function argumentForm(
  id: string,
  row: Verb,
  offer: Offer,
  requester: Requester,
  operation: string,
  filled?: Filled,
): Form {
  return {
    type: 'form',
    formType: nodeOf(id),
    title: spokenOf(id),
    instructions: row.details ? `${row.summary} ${row.details}` : row.summary,
    fields: [
      hidden(OPERATION_FIELD, operation),
      ...argFields(row).map((field) => formField(field, offer, requester, filled)),
    ],
  };
}

export const hidden = (name: string, value: string): FormField => ({ var: name, type: 'hidden', values: [value] });

function formField(field: Field, offer: Offer, requester: Requester, filled?: Filled): FormField {
  const options = field.options ?? choicesOf(field, offer, requester);
  return {
    var: field.name,
    type: typeOf(field, options),
    label: labelOf(field),
    description: field.description,
    required: field.required,
    values: filled?.values.get(field.name) ?? defaultsOf(field),
    ...(options ? { options } : {}),
    ...(field.kind === 'integer' || field.kind === 'number'
      ? {
          datatype: field.kind === 'integer' ? 'xs:integer' : 'xs:decimal',
          minimum: field.minimum,
          maximum: boundOf(field.maximum),
        }
      : {}),
  };
}

const boundOf = (maximum?: number): number | undefined => (maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum);

function choicesOf(field: Field, offer: Offer, requester: Requester): readonly string[] | undefined {
  if (!field.choices) return undefined;
  const choices = offer.choices(field.choices, requester);
  return choices.length > 0 && choices.length <= CHOICES_MAX ? choices : undefined;
}

function typeOf(field: Field, options: readonly string[] | undefined): FormField['type'] & string {
  if (field.secret) return 'text-private';
  if (field.kind === 'boolean') return 'boolean';
  if (field.kind === 'list' || field.multiline) return 'text-multi';
  return options ? 'list-single' : 'text-single';
}

function defaultsOf(field: Field): readonly string[] {
  if (field.default === undefined) return [];
  if (Array.isArray(field.default)) return field.default as string[];
  return [wireValue(field.default)];
}

const wireValue = (value: unknown): string => (typeof value === 'boolean' ? (value ? '1' : '0') : String(value));

/** What a submitted form says, as words for readArguments: one value is a word, several are lines or a list. */
export function wordsOf(row: Verb, values: ReadonlyMap<string, readonly string[]>): Record<string, unknown> {
  const fields = new Map(argFields(row).map((field) => [field.name, field]));
  const words = Object.create(null) as Record<string, unknown>;
  for (const [name, texts] of values) {
    if (name === 'FORM_TYPE' || name === OPERATION_FIELD || name === CONFIRM_FIELD) continue;
    const field = fields.get(name);
    if (field?.kind === 'list') words[name] = texts.filter((text) => text.trim() !== '');
    else if (field?.multiline) words[name] = texts.join('\n') || undefined;
    else if (texts.length > 0) words[name] = texts.length === 1 ? texts[0] : texts;
  }
  return words;
}

/** A verb's answer as a form: one record as fields, several as a table with as many rows as a stanza takes. */
export function resultForm(id: string, row: Verb, value: unknown): { form: Form; left: number } {
  const { table, fields, columns } = resultFields(row);
  const records = recordsOf(value);
  const base = { type: 'result' as const, formType: nodeOf(id), title: spokenOf(id) };
  if (!table)
    return { form: { ...base, fields: fields.flatMap((field) => resultField(field, records[0] ?? {})) }, left: 0 };
  const shown = columns ? columns.flatMap((name) => fields.filter((field) => field.name === name)) : fields;
  const all = [...shown, ...fields.filter((field) => !shown.includes(field))];
  const items: FormField[][] = [];
  let bytes = 0;
  for (const record of records) {
    const item = all.map((field) => ({ var: field.name, values: textsOf(field, record[field.name]) }));
    bytes += item.reduce((sum, field) => sum + 50 + field.var.length + field.values.join('').length, 20);
    if (bytes > RESULT_BYTES_MAX && items.length > 0) break;
    items.push(item);
  }
  const reported = all.map((field) => ({
    var: field.name,
    type: resultType(field),
    label: labelOf(field),
    values: [],
  }));
  return { form: { ...base, fields: [], reported, items }, left: records.length - items.length };
}

function resultField(field: Field, record: Readonly<Record<string, unknown>>): FormField[] {
  if (record[field.name] === undefined) return [];
  return [
    { var: field.name, type: resultType(field), label: labelOf(field), values: textsOf(field, record[field.name]) },
  ];
}

function resultType(field: Field): FormField['type'] & string {
  if (field.kind === 'boolean') return 'boolean';
  return field.kind === 'list' || field.multiline ? 'text-multi' : 'text-single';
}

function textsOf(field: Field, value: unknown): string[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value.map(wireValue);
  return field.multiline ? String(value).split('\n') : [wireValue(value)];
}

const NOTE_LINES_MAX = 20;
const NOTE_CHARACTERS_MAX = 4_000;

/** The same in words: some clients show notes, and no tables. */
export function noteOf(row: Verb, value: unknown, left: number): string {
  const records = recordsOf(value);
  const lines = records.slice(0, NOTE_LINES_MAX).map((record) => lineOf(row, record));
  if (records.length === 0) lines.push('Nothing.');
  if (records.length > NOTE_LINES_MAX) lines.push(`… and ${records.length - NOTE_LINES_MAX} more`);
  if (left > 0) lines.push(`${left} did not fit into this answer: ask for fewer, with an argument that narrows it.`);
  const text = lines.join('\n');
  return text.length > NOTE_CHARACTERS_MAX ? `${text.slice(0, NOTE_CHARACTERS_MAX)}…` : text;
}
