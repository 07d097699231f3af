import type { Field } from './fields.ts';
import { resultFields } from './fields.ts';
import type { Verb } from './verb.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * One record in one line, by its row's `line`: `{field}` is filled in; a part between two ` · ` whose fields are all missing
 * is left out with its separator.
 */
export function lineOf(row: Verb, record: Fields): string {
  const { line, fields } = resultFields(row);
  const template = line ?? fields.map((field) => `{${field.name}}`).join(' · ');
  const parts = template.split(' · ').map((part) => filled(part, record));
  return parts.filter((part) => part !== undefined).join(' · ');
}

function filled(part: string, record: Fields): string | undefined {
  const names = [...part.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '');
  if (names.length > 0 && names.every((name) => isMissing(record[name]))) return undefined;
  return part
    .replace(/\{(\w+)\}/g, (_, name: string) => (isMissing(record[name]) ? '' : valueText(record[name])))
    .trim();
}

const isMissing = (value: unknown): boolean =>
  value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0);

/** A value as people read it. */
export function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.map(valueText).join(', ');
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number' && !Number.isInteger(value)) return String(Math.round(value * 100) / 100);
  return String(value);
}

/** `Memory, MiB`: a label with its unit. */
export const labelOf = (field: Pick<Field, 'label' | 'unit'>): string =>
  field.unit ? `${field.label}, ${field.unit}` : field.label;

export const recordsOf = (value: unknown): Fields[] => (Array.isArray(value) ? value : [value]) as Fields[];

/** An answer in words: a line a record, the first `linesMax` of them. */
export function sayResult(row: Verb, noun: string, value: unknown, linesMax: number): string {
  const records = recordsOf(value);
  if (records.length === 0) return `No ${noun}s.`;
  const lines = records.slice(0, linesMax).map((record) => lineOf(row, record));
  if (records.length > linesMax) lines.push(`… and ${records.length - linesMax} more`);
  return lines.join('\n');
}

/** One record, a field a line: for `info`, where a line has no room for all. */
export function sayRecord(row: Verb, record: Fields): string {
  const { fields } = resultFields(row);
  const shown = fields.filter((field) => !isMissing(record[field.name]));
  return shown
    .map(
      (field) =>
        `${field.label}: ${valueText(record[field.name])}${field.unit && field.unit !== 'bytes' ? ` ${field.unit}` : ''}`,
    )
    .join('\n');
}
