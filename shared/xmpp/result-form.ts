import { type Field, resultFields } from '#shared/verb/fields.ts';
import { jobRow } from '#shared/verb/job-row.ts';
import type { Answer } from '#shared/verb/request.ts';
import { labelOf, lineOf, recordsOf, sayResult } from '#shared/verb/say.ts';
import { nodeOf, rowOf, spokenOf, type Verb, type VerbTable } from '#shared/verb/verb.ts';
import type { Form, FormField } from './forms.ts';
import { printable } from './stanza-error.ts';
import { hidden } from './verb-form.ts';

/** In a table that is cut: what to give as `skip` to get the rest. */
export const NEXT_FIELD = 'next';

/** With note and envelope an answer stays below 256 KiB, which is what ejabberd takes in one stanza unless told otherwise. */
const TABLE_BYTES_MAX = 220_000;
const NOTE_LINES_MAX = 20;
const NOTE_CHARACTERS_MAX = 4_000;

/** A verb's answer: a form of type result, and the same in words, since some clients show notes and no tables. */
export interface ResultForm {
  form: Form;
  note: string;
}

/** One record as fields; several as a table, from the record `skip` on, as many as a stanza takes. */
export function resultForm(verb: string, table: VerbTable, answer: Answer, skip = 0): ResultForm {
  const row = answer.kind === 'job' ? jobRow : rowOf(table, verb);
  if (!row) throw new Error(`${verb} has no row`);
  const base = { type: 'result' as const, formType: nodeOf(verb), title: spokenOf(verb) };
  const value = answer.kind === 'job' ? answer.job : answer.value;
  const shape = resultFields(row);
  if (shape.table) return tableForm(base, verb, table, row, recordsOf(value), skip);
  const record = recordsOf(value)[0] ?? {};
  const fields = shape.fields.filter((field) => record[field.name] !== undefined);
  const isText = answer.kind === 'result' && shape.fields.some((field) => field.multiline);
  const note = isText ? sayResult(verb, table, value, NOTE_LINES_MAX) : lineOf(row, record);
  return {
    form: {
      ...base,
      fields: fields.map((field) => ({ ...headOf(field), values: textsOf(field, record[field.name]) })),
    },
    note: bounded(note),
  };
}

type Row = Readonly<Record<string, unknown>>;

function tableForm(
  base: Pick<Form, 'type'> & Partial<Form>,
  verb: string,
  table: VerbTable,
  row: Verb,
  records: readonly Row[],
  skip: number,
): ResultForm {
  const columns = columnsOf(row);
  const asked = records.slice(skip);
  const items = itemsOf(columns, asked);
  const next = skip + items.length;
  const isCut = next < records.length;
  const said = sayResult(verb, table, asked, NOTE_LINES_MAX);
  const cut = `This form holds ${skip + 1} to ${next} of ${records.length}: no more go into one answer.`;
  return {
    form: {
      ...base,
      fields: isCut ? [hidden(NEXT_FIELD, String(next))] : [],
      reported: columns.map((field) => ({ ...headOf(field), values: [] })),
      items,
    },
    note: bounded(said, isCut ? `\n${cut}` : ''),
  };
}

/** The columns that the row names, in its order, and behind them all else that a record has. */
function columnsOf(row: Verb): readonly Field[] {
  const { fields, columns = [] } = resultFields(row);
  const named = columns.flatMap((name) => fields.filter((field) => field.name === name));
  return [...named, ...fields.filter((field) => !named.includes(field))];
}

function itemsOf(columns: readonly Field[], records: readonly Row[]): FormField[][] {
  const items: FormField[][] = [];
  let bytes = 0;
  for (const record of records) {
    const item = columns.map((field) => ({ var: field.name, values: textsOf(field, record[field.name]) }));
    bytes += item.reduce((sum, field) => sum + bytesOf(field), '<item></item>'.length);
    // One at least: else whoever asks for the rest would ask for ever.
    if (bytes > TABLE_BYTES_MAX && items.length > 0) break;
    items.push(item);
  }
  return items;
}

/** What a field takes on the wire, or a little more: each character that may be escaped counts as the longest escape. */
const bytesOf = ({ var: name, values }: FormField): number =>
  values.reduce((sum, value) => sum + wireBytes(value), `<field var=""></field>${name}`.length);

const wireBytes = (value: string): number =>
  '<value></value>'.length + Buffer.byteLength(printable(value)) + 5 * (value.match(/[&<>"']/g)?.length ?? 0);

const headOf = (field: Field): { var: string; type: FormField['type'] & string; label: string } => ({
  var: field.name,
  type: typeOf(field),
  label: labelOf(field),
});

function typeOf(field: Field): FormField['type'] & string {
  if (field.kind === 'boolean') return 'boolean';
  return field.kind === 'list' || field.multiline ? 'text-multi' : 'text-single';
}

function textsOf(field: Field, value: unknown): string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.map(wireText);
  return field.multiline ? String(value).split('\n') : [wireText(value)];
}

const wireText = (value: unknown): string => (typeof value === 'boolean' ? (value ? '1' : '0') : String(value));

/** A text of many lines or a long one is cut; what must be read all the same stands behind the cut. */
function bounded(text: string, end = ''): string {
  const cut = text.length > NOTE_CHARACTERS_MAX ? `${text.slice(0, NOTE_CHARACTERS_MAX).toWellFormed()}…` : text;
  return cut + end;
}
