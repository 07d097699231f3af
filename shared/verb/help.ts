import { argFields, type Field } from './fields.ts';
import { didYouMean } from './suggest.ts';
import { rowOf, spokenOf, type Verb, type VerbTable } from './verb.ts';

/** Help texts, from the rows of those verbs that may be used. */
export const helpText = (topic: readonly string[], table: VerbTable): string =>
  helpFound(topic, table) ?? noHelp(topic, table);

/** @returns undefined where there is none of that */
export function helpFound(topic: readonly string[], table: VerbTable): string | undefined {
  const words = topic.map((word) => word.toLowerCase());
  if (words.length === 0) return overview(table);
  const [noun = '', action = ''] = words[0]?.includes('.') ? words[0].split('.') : words;
  const row = rowOf(table, `${noun}.${action}`);
  if (row) return verbHelp(`${noun}.${action}`, row);
  const rows = Object.entries(table);
  const ofNoun = rows.filter(([id]) => id.startsWith(`${noun}.`));
  if (ofNoun.length > 0 && action === '')
    return ofNoun.map(([id, { summary }]) => `${spokenOf(id)}: ${summary}`).join('\n');
  const named = rows.filter(([id]) => id.split('.')[1] === noun);
  return named.length > 0 ? named.map(([id, each]) => verbHelp(id, each)).join('\n\n') : undefined;
}

/** That there is none, and what was meant perhaps. @param others what else there is help for */
export function noHelp(topic: readonly string[], table: VerbTable, others: readonly string[] = []): string {
  const asked = topic.join(' ').toLowerCase().slice(0, 60);
  const ids = Object.keys(table);
  const known = [...ids.flatMap((id) => [spokenOf(id), ...id.split('.')]), ...others];
  return `There is no help for ${asked}.${didYouMean(asked, new Set(known))}`;
}

function overview(table: VerbTable): string {
  const ids = Object.keys(table);
  const nouns = Map.groupBy(ids, (id) => id.split('.')[0] ?? '');
  const lines = [...nouns].map(([noun, own]) => `${noun}: ${own.map((id) => id.split('.')[1]).join(', ')}`);
  const sample = ids.find((id) => id === 'guest.start') ?? ids[0];
  const hint = sample
    ? `Say help ${spokenOf(sample)} for one of them. A noun may be left out where one alone has the verb.`
    : '';
  return [...lines, hint].join('\n');
}

/** `guest start GUEST [paused=no]` */
export function usageOf(id: string, row: Verb): string {
  const fields = argFields(row);
  const places = row.positional.flatMap((name) => fields.filter((field) => field.name === name));
  const named = fields.filter((field) => !places.includes(field));
  const parts = [
    ...places.map((field) => (field.required ? field.name.toUpperCase() : `[${field.name.toUpperCase()}]`)),
    ...named.map((field) => {
      const given = `${field.name}=${sampleOf(field)}`;
      return field.required ? given : `[${given}]`;
    }),
  ];
  return [spokenOf(id), ...parts].join(' ');
}

function sampleOf(field: Field): string {
  if (field.options) return field.options.join('|');
  if (field.kind === 'boolean') return 'yes|no';
  return field.kind === 'integer' || field.kind === 'number' ? 'N' : '…';
}

const RISKS: Readonly<Record<Verb['risk'], string | undefined>> = {
  read: undefined,
  change: undefined,
  destroy: 'It may lose work or data, and asks before it does.',
};

function verbHelp(id: string, row: Verb): string {
  return [
    usageOf(id, row),
    row.summary,
    row.details,
    RISKS[row.risk],
    row.job && 'It answers with a job at once; you are told when that ends.',
    ...argFields(row).map(argumentHelp),
    row.example && `For example: ${row.example}`,
  ]
    .filter(Boolean)
    .join('\n');
}

function argumentHelp(field: Field): string {
  const facts = boundsOf(field);
  return `  ${field.name}: ${field.description || `${field.label}.`}${facts && ` (${facts})`}`;
}

/** What may be given: `in s, 1 to 3600, default 120`. */
export function boundsOf(field: Field): string {
  const { minimum, maximum, kind } = field;
  const isBound = (bound?: number): bound is number => bound !== undefined && Math.abs(bound) < Number.MAX_SAFE_INTEGER;
  const range = [isBound(minimum) && `from ${minimum}`, isBound(maximum) && `to ${maximum}`].filter(Boolean).join(' ');
  return [
    field.required && 'must be given',
    field.unit && `in ${field.unit}`,
    kind === 'list' ? 'may be given again' : range,
    field.options?.join(', '),
    defaultText(field),
  ]
    .filter(Boolean)
    .join(', ');
}

function defaultText({ default: initial }: Field): string | undefined {
  if (initial === undefined || (Array.isArray(initial) && initial.length === 0)) return undefined;
  if (typeof initial === 'boolean') return `default ${initial ? 'yes' : 'no'}`;
  return `default ${String(initial)}`;
}
