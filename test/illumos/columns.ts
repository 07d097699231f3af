import { Exit } from './call.ts';

/** A table of dladm, ipadm and their like: fields in the order of the page, and a value for each; undefined is unset. */
export interface Table {
  fields: readonly string[];
  rows: Record<string, string | undefined>[];
}

/**
 * Print a table as libinetutil's ofmt does.
 *
 * Parsable: fields in the order asked, parted by `:`; `:` and `\` inside get a `\` only where more than one field was asked.
 * Source: dladm(8), "Parsable Output Format"
 * @throws Exit where the fields do not fit
 */
export function printed(table: Table, asked: { parsable: boolean; output: string | undefined }): string[] {
  const fields = fieldsOf(table.fields, asked);
  if (asked.parsable) {
    return table.rows.map((row) => {
      const values = fields.map((field) => row[field] ?? '');
      return fields.length === 1 ? values[0]! : values.map(escaped).join(':');
    });
  }
  const cells = table.rows.map((row) => fields.map((field) => row[field] ?? '--'));
  const widths = fields.map((field, at) => Math.max(field.length, ...cells.map((row) => row[at]!.length)));
  const line = (values: readonly string[]) =>
    values
      .map((value, at) => value.padEnd(widths[at]!))
      .join('  ')
      .trimEnd();
  return [line(fields), ...cells.map(line)];
}

export const escaped = (value: string): string => value.replace(/[:\\]/g, '\\$&');

function fieldsOf(known: readonly string[], { parsable, output }: { parsable: boolean; output: string | undefined }) {
  if (output === undefined) {
    if (parsable) throw new Exit('output field(s) must be specified in parsable mode');
    return known;
  }
  if (output.toLowerCase() === 'all') {
    if (parsable) throw new Exit("output field `all' invalid in parsable mode");
    return known;
  }
  const fields = output.split(',').map((field) => field.toUpperCase());
  const unknown = fields.find((field) => !known.includes(field));
  if (unknown !== undefined) throw new Exit(`unknown output field \`${unknown.toLowerCase()}'`);
  return fields;
}
