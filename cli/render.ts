import { type Field, resultFields } from '#shared/verb/fields.ts';
import { labelOf, recordsOf, sayRecord, valueText } from '#shared/verb/say.ts';
import type { Verb } from '#shared/verb/verb.ts';

type Fields = Readonly<Record<string, unknown>>;

/** An answer for a terminal: tables aligned, records a field a line, texts as they are. */
export function render(verb: string, row: Verb, value: unknown): string {
  const { table, fields, columns } = resultFields(row);
  const records = recordsOf(value);
  const text = fields.find((field) => field.multiline);
  if (!table && text) return String(records[0]?.[text.name] ?? '').replace(/\n$/, '');
  if (!table) return sayRecord(row, records[0] ?? {});
  if (records.length === 0) return `No ${verb.split('.')[0]}s.`;
  const shown = columns ? columns.flatMap((name) => fields.filter((field) => field.name === name)) : fields;
  return tableText(shown, records);
}

function tableText(fields: readonly Field[], records: readonly Fields[]): string {
  const rows = [
    fields.map((field) => labelOf(field).toUpperCase()),
    ...records.map((record) => fields.map((field) => cellText(record[field.name]))),
  ];
  const widths = fields.map((_, at) => Math.max(...rows.map((row) => width(row[at] ?? ''))));
  return rows
    .map((row) =>
      row
        .map((cell, at) => cell + ' '.repeat((widths[at] ?? 0) - width(cell)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** What a guest or a host wrote may hold what moves a terminal's cursor. */
const cellText = (value: unknown): string =>
  value === undefined ? '' : valueText(value).replace(/[\p{Cc}\p{Cf}]/gu, '·');
const width = (text: string): number => [...text].length;
