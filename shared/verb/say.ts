import { bytesText, numberText, secondsText } from './amounts.ts';
import { argFields, type Field, resultFields } from './fields.ts';
import { rowOf, spokenOf, type Verb, type VerbTable } from './verb.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * One record in one line, by its row's `line`: `{field}` is filled in; a part between two ` · ` whose fields are all missing
 * is left out with its separator.
 */
export function lineOf(row: Verb, record: Fields): string {
  const { line, fields } = resultFields(row);
  const template = line ?? fields.map((field) => `{${field.name}}`).join(' · ');
  const parts = partsOf(template).map((part) => filled(part, record));
  return parts.filter((part) => part !== undefined).join(' · ');
}

/** What stands before a field, and the field; behind the last one stands text alone. */
type Part = readonly { text: string; name?: string }[];

const known = new Map<string, readonly Part[]>();

/** Templates are of rows: few, and each is read once. */
function partsOf(template: string): readonly Part[] {
  const read = known.get(template);
  if (read) return read;
  const parts = template.split(' · ').map(partOf);
  known.set(template, parts);
  return parts;
}

function partOf(text: string): Part {
  const pieces = text.split(/\{(\w+)\}/);
  return Array.from({ length: Math.ceil(pieces.length / 2) }, (_, n) => {
    const [before = '', name] = pieces.slice(2 * n, 2 * n + 2);
    return name === undefined ? { text: before } : { text: before, name };
  });
}

function filled(part: Part, record: Fields): string | undefined {
  let isFilled = part.length === 1;
  let text = '';
  for (const piece of part) {
    text += piece.text;
    if (piece.name === undefined || isMissing(record[piece.name])) continue;
    isFilled = true;
    text += valueText(record[piece.name]);
  }
  return isFilled ? text.trim() : undefined;
}

const isMissing = (value: unknown): boolean =>
  value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0);

/** A value as people read it. */
export function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.map(valueText).join(', ');
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return typeof value === 'number' ? numberText(value) : String(value);
}

/** A value with its unit: `96 MiB`, `1.5 GiB` of bytes, `1 d 2 h` of seconds. */
export function amountText(field: Pick<Field, 'unit'>, value: unknown): string {
  if (typeof value !== 'number' || field.unit === undefined) return valueText(value);
  if (field.unit === 'bytes') return bytesText(value);
  return field.unit === 's' ? secondsText(value) : `${numberText(value)} ${field.unit}`;
}

/** `Memory, MiB`: a label with its unit. */
export const labelOf = (field: Pick<Field, 'label' | 'unit'>): string =>
  field.unit ? `${field.label}, ${field.unit}` : field.label;

export const recordsOf = (value: unknown): Fields[] => (Array.isArray(value) ? value : [value]) as Fields[];

/** Verbs whose answer is all about one thing: it is said a field a line. */
const IN_FULL: ReadonlySet<string> = new Set(['info', 'stats']);

/** What a verb answered, in words: a line a record, the first `linesMax` of them. */
export function sayResult(verb: string, table: VerbTable, value: unknown, linesMax: number): string {
  const row = rowOf(table, verb);
  const [noun = '', action = ''] = verb.split('.');
  const records = recordsOf(value);
  const [first] = records;
  if (!row || !first) return action === 'list' ? `No ${noun}s.` : 'Nothing.';
  if (IN_FULL.has(action)) return sayRecord(row, first);
  const text = resultFields(row).fields.find((field) => field.multiline);
  if (text && records.length === 1) return plainText(lineOf(row, first)) || `${text.label}: nothing.`;
  const lines = records.slice(0, linesMax).map((record) => lineOf(row, record));
  if (records.length > linesMax) lines.push(`… and ${records.length - linesMax} more.${narrowing(verb, row)}`);
  return lines.join('\n');
}

/** The SVG in what a verb answered, where a field of its row is marked as a picture, and holds one. */
export function pictureIn(verb: string, table: VerbTable, value: unknown): string | undefined {
  const row = rowOf(table, verb);
  const [record] = recordsOf(value);
  const field = row && resultFields(row).fields.find(({ picture }) => picture);
  const text = field && record?.[field.name];
  return typeof text === 'string' && text.startsWith('<svg ') ? text : undefined;
}

/** How to ask for fewer. */
function narrowing(verb: string, row: Verb): string {
  const names = argFields(row).flatMap((field) => (field.required ? [] : [`${field.name}=…`]));
  return names.length > 0 ? ` Ask for fewer: ${[spokenOf(verb), ...names].join(' ')}` : '';
}

/** One record, a field a line: for `info`, where a line has no room for all. */
export function sayRecord(row: Verb, record: Fields): string {
  const shown = resultFields(row).fields.filter((field) => !isMissing(record[field.name]));
  return shown.map((field) => `${field.label}: ${amountText(field, record[field.name])}`).join('\n');
}

/** CSI and OSC sequences of a terminal (ECMA-48), and those of two characters. */
const SEQUENCES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[ -/]*[0-~])/g;

/** What a terminal was written, without what only a terminal understands: a line that was written over reads as its end. */
export const plainText = (text: string): string =>
  text
    .replace(SEQUENCES, '')
    .split('\n')
    .map((line) => writtenLast(line.replace(/\r+$/, '')).replace(/[\u0000-\u0008\u000b-\u001f\u007f\ufffd]/g, ''))
    .join('\n')
    .trimEnd();

const writtenLast = (line: string): string => line.slice(line.lastIndexOf('\r') + 1);
