import { Failure } from '#shared/errors.ts';
import { argFields, type Field, resultFields } from '#shared/verb/fields.ts';
import type { Offer } from '#shared/verb/offer.ts';
import type { Requester } from '#shared/verb/request.ts';
import { labelOf } from '#shared/verb/say.ts';
import { nodeOf, spokenOf, type Verb } from '#shared/verb/verb.ts';
import { FORM_TYPE_FIELD, type Form, type FormField, type Submitted } from './forms.ts';

/** The hidden field with the operation's id: clients send hidden fields back, so that a form sent twice acts once. */
export const OPERATION_FIELD = 'operation';
/** Central only: ids of operations that this one takes the place of. */
export const SUPERSEDES_FIELD = 'supersedes';
/** The answer to the second question of a verb that may lose work. */
export const CONFIRM_FIELD = 'confirm';
/** For verbs that answer with a table: leave out so many records at the start. */
export const SKIP_FIELD = 'skip';
/** On whose behalf central asks: a bare JID. */
export const BEHALF_FIELD = 'behalf-of';
/** What the client is, for the audit trail: a label. `cli` is the command line; any other is a form like all. */
export const CLIENT_FIELD = 'client';
/** Names that no argument of a verb may have. */
export const CONTROL_FIELDS: ReadonlySet<string> = new Set([
  FORM_TYPE_FIELD,
  OPERATION_FIELD,
  CONFIRM_FIELD,
  SKIP_FIELD,
  BEHALF_FIELD,
  CLIENT_FIELD,
  SUPERSEDES_FIELD,
]);

/** More options than this are no help to choose from: the field is then a text. */
const CHOICES_MAX = 200;

/** For whom a form is made. */
export interface FormFor {
  verb: string;
  row: Verb;
  offer: Offer;
  requester: Requester;
}

/** The form that asks for a verb's arguments, with what was filled in already. */
export function argumentForm(forWhom: FormFor, operation: string, filled: Submitted = new Map()): Form {
  const { verb, row } = forWhom;
  return {
    type: 'form',
    formType: nodeOf(verb),
    title: spokenOf(verb),
    instructions: row.details ? `${row.summary} ${row.details}` : row.summary,
    fields: [hidden(OPERATION_FIELD, operation), ...argFields(row).map((field) => formField(field, forWhom, filled))],
  };
}

/** The second question. It names what it is about: a client that offers choices may have chosen the first. */
export function confirmForm({ verb, row }: FormFor, operation: string, question: string): Form {
  return {
    type: 'form',
    formType: nodeOf(verb),
    title: spokenOf(verb),
    instructions: row.summary,
    fields: [
      hidden(OPERATION_FIELD, operation),
      {
        var: CONFIRM_FIELD,
        type: 'boolean',
        label: `${question} Are you sure?`,
        required: true,
        values: ['0'],
      },
    ],
  };
}

export const hidden = (name: string, value: string): FormField => ({ var: name, type: 'hidden', values: [value] });

function formField(field: Field, forWhom: FormFor, filled: Submitted): FormField {
  const options = optionsOf(field, forWhom);
  return {
    var: field.name,
    type: typeOf(field, options),
    label: labelOf(field),
    description: field.description,
    required: field.required,
    values: valuesOf(field, options, filled.get(field.name)),
    ...(options ? { options } : {}),
    ...validationOf(field),
  };
}

/** A field that may be left out has an option that says so: some clients choose the first option by themselves. */
function optionsOf(field: Field, forWhom: FormFor): readonly string[] | undefined {
  const options = field.options ?? choicesOf(field, forWhom);
  const mayBeNone = field.kind !== 'list' && !field.required && field.default === undefined;
  return options && mayBeNone ? ['', ...options] : options;
}

function choicesOf(field: Field, { verb, row, offer, requester }: FormFor): readonly string[] | undefined {
  if (!field.choices) return undefined;
  const all = offer.choices(field.choices, requester);
  const own = field.name === row.guestArg ? all.filter((guest) => offer.may(requester, verb, { guest })) : all;
  return own.length > 0 && own.length <= CHOICES_MAX ? own : undefined;
}

function typeOf(field: Field, options: readonly string[] | undefined): FormField['type'] & string {
  if (field.secret) return 'text-private';
  if (field.kind === 'boolean') return 'boolean';
  if (field.kind === 'list') return options ? 'list-multi' : 'text-multi';
  if (field.multiline) return 'text-multi';
  return options ? 'list-single' : 'text-single';
}

/** What was filled in, where the type of the field can show it; else the default. */
function valuesOf(field: Field, options: readonly string[] | undefined, filled?: readonly string[]): readonly string[] {
  const canShow =
    field.kind === 'boolean'
      ? filled?.length === 1 && BOOLEANS.has(filled[0] ?? '')
      : filled?.every((value) => !options || options.includes(value));
  return filled && canShow ? filled : defaultsOf(field);
}
const BOOLEANS: ReadonlySet<string> = new Set(['0', '1', 'false', 'true']);

function defaultsOf({ default: value }: Field): readonly string[] {
  if (value === undefined) return [];
  if (typeof value === 'boolean') return [value ? '1' : '0'];
  return typeof value === 'object' ? value : [String(value)];
}

/** XEP-0122: numbers, with their range. */
function validationOf(field: Field): Partial<FormField> {
  if (field.kind !== 'integer' && field.kind !== 'number') return {};
  const { minimum, maximum } = field;
  return {
    datatype: field.kind === 'integer' ? 'xs:integer' : 'xs:decimal',
    ...(minimum === undefined || minimum === Number.MIN_SAFE_INTEGER ? {} : { minimum }),
    ...(maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? {} : { maximum }),
  };
}

/** What a submitted form says, as words for readArguments: one value is a word, several are lines or a list. */
export function wordsOf(row: Verb, submitted: Submitted): Record<string, unknown> {
  const fields = new Map(argFields(row).map((field) => [field.name, field]));
  const words = Object.create(null) as Record<string, unknown>;
  for (const [name, values] of submitted) {
    if (CONTROL_FIELDS.has(name)) continue;
    const field = fields.get(name);
    if (field?.kind === 'list') words[name] = values.filter((value) => value.trim() !== '');
    else if (field?.multiline) words[name] = values.join('\n') || undefined;
    else if (values.length > 0) words[name] = values.length === 1 ? values[0] : values;
  }
  return words;
}

/** How much of a table to leave out. @throws Failure bad-argument */
export function skipOf(row: Verb, submitted: Submitted): number {
  const values = submitted.get(SKIP_FIELD);
  if (values === undefined) return 0;
  const problem = resultFields(row).table ? 'use a whole number from 0 to 999999' : 'this verb answers with no table';
  if (values.length !== 1 || !/^\d{1,6}$/.test(values[0] ?? '') || !resultFields(row).table)
    throw new Failure('bad-argument', { field: SKIP_FIELD, problem });
  return Number(values[0]);
}
