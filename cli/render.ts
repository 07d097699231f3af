import { type Field, resultFields } from '#shared/verb/fields.ts';
import { labelOf, lineOf, recordsOf, sayRecord, valueText } from '#shared/verb/say.ts';
import type { Verb } from '#shared/verb/verb.ts';

type Fields = Readonly<Record<string, unknown>>;

interface Looks {
  paint?: Paint;
  /** Put the host before each record of a table. */
  withHost?: boolean;
}

/** An answer for a terminal: tables aligned, what a verb changed in a line, else a field a line; texts as they are. */
export function render(
  verb: string,
  row: Verb,
  value: unknown,
  { paint = PLAIN, withHost = false }: Looks = {},
): string {
  const { table, fields, columns } = resultFields(row);
  const records = recordsOf(value);
  const text = fields.find((field) => field.multiline);
  if (!table && text) return String(records[0]?.[text.name] ?? '').replace(/\n$/, '');
  if (!table) return inertText((row.risk === 'read' ? sayRecord : lineOf)(row, records[0] ?? {}));
  if (records.length === 0) return verb.endsWith('.list') ? `No ${verb.split('.')[0]}s.` : 'Nothing.';
  const shown = columns ? columns.flatMap((name) => fields.filter((field) => field.name === name)) : fields;
  return tableText([...(withHost ? [HOST] : []), ...shown], records, paint);
}
type Column = Pick<Field, 'name' | 'label' | 'unit'>;
const HOST: Column = { name: 'host', label: 'Host' };

function tableText(fields: readonly Column[], records: readonly Fields[], paint: Paint): string {
  const rows = [
    fields.map((field) => labelOf(field)),
    ...records.map((record) => fields.map((field) => cellText(record[field.name]))),
  ];
  const widths = fields.map((_, at) => Math.max(...rows.map((row) => width(row[at] ?? ''))));
  const padded = (cell: string, at: number): string => cell + ' '.repeat((widths[at] ?? 0) - width(cell));
  return rows
    .map((row, line) => {
      const cells = row.map((cell, at) => (at === row.length - 1 ? cell : padded(cell, at)));
      const painted = cells.map((cell, at) => (line === 0 ? paint('head', cell) : paint(row[at] ?? '', cell)));
      return painted.join('  ').trimEnd();
    })
    .join('\n');
}

/** What a guest or a host wrote may hold what moves a terminal's cursor. */
const inert = (text: string): string => text.replace(/[\p{Cc}\p{Cf}]/gu, '·');
const inertText = (text: string): string => text.split('\n').map(inert).join('\n');
const cellText = (value: unknown): string => (value === undefined ? '' : inert(valueText(value)));

/** How many columns a terminal takes for it: what is written in East Asia takes two, what joins on takes none. */
export const width = (text: string): number =>
  [...text].reduce((sum, character) => sum + (/\p{M}/u.test(character) ? 0 : WIDE.test(character) ? 2 : 1), 0);
const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\uff01-\uff60]/u;

/** Dress a cell up by its word. */
export type Paint = (word: string, cell: string) => string;
export const PLAIN: Paint = (_, cell) => cell;

const COLOURS: Readonly<Record<string, string>> = {
  head: '1',
  running: '32',
  up: '32',
  done: '32',
  ok: '32',
  paused: '33',
  pmsuspended: '33',
  warning: '33',
  degraded: '33',
  shutoff: '2',
  crashed: '31',
  failed: '31',
  wrong: '31',
};
const COLOURED: Paint = (word, cell) =>
  Object.hasOwn(COLOURS, word) ? `\u001b[${COLOURS[word]}m${cell}\u001b[0m` : cell;

/** Colours on a terminal only, and not where NO_COLOR says no. */
export const paintFor = (output: { isTTY?: boolean }, env: NodeJS.ProcessEnv): Paint =>
  output.isTTY && !env.NO_COLOR && env.TERM !== 'dumb' ? COLOURED : PLAIN;
