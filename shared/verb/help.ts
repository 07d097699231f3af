import { argFields, type Field } from './fields.ts';
import { didYouMean } from './suggest.ts';
import { rowOf, spokenOf, type Verb, type VerbTable } from './verb.ts';

/** Help texts, from the rows of those verbs that may be used. */
export function helpText(topic: readonly string[], table: VerbTable): string {
  const words = topic.map((word) => word.toLowerCase());
  if (words.length === 0) return overview(table);
  const [noun = '', action = ''] = words[0]?.includes('.') ? words[0].split('.') : words;
  const row = rowOf(table, `${noun}.${action}`);
  if (row) return verbHelp(`${noun}.${action}`, row);
  const ids = Object.keys(table);
  const ofNoun = ids.filter((id) => id.startsWith(`${noun}.`));
  if (ofNoun.length > 0) return ofNoun.map((id) => `${spokenOf(id)}: ${table[id]?.summary}`).join('\n');
  const named = ids.filter((id) => id.split('.')[1] === noun);
  if (named.length > 0) return named.map((id) => verbHelp(id, table[id] as Verb)).join('\n\n');
  return `There is no help for ${words.join(' ').slice(0, 60)}.${didYouMean(noun, [...ids.map(spokenOf), ...ids.map((id) => id.split('.')[1] ?? '')])}`;
}

function overview(table: VerbTable): string {
  const nouns = Map.groupBy(Object.keys(table), (id) => id.split('.')[0] ?? '');
  const lines = [...nouns].map(([noun, ids]) => `${noun}: ${ids.map((id) => id.split('.')[1]).join(', ')}`);
  return [...lines, 'Say help guest start for one of them. The noun guest may be left out: start venti.'].join('\n');
}

/** `guest start GUEST [paused=no]` */
export function usageOf(id: string, row: Verb): string {
  const fields = argFields(row);
  const places = row.positional.flatMap((name) => fields.filter((field) => field.name === name));
  const named = fields.filter((field) => !places.includes(field));
  const parts = [
    ...places.map((field) => (field.required ? field.name.toUpperCase() : `[${field.name.toUpperCase()}]`)),
    ...named.map((field) => `[${field.name}=${sample(field)}]`),
  ];
  return [spokenOf(id), ...parts].join(' ');
}

function sample(field: Field): string {
  if (field.options) return field.options.join('|');
  if (field.kind === 'boolean') return 'yes|no';
  return field.kind === 'integer' || field.kind === 'number' ? 'N' : '…';
}

function verbHelp(id: string, row: Verb): string {
  const args = argFields(row).map(
    (field) => `  ${field.name}: ${[field.description || field.label, boundsOf(field)].filter(Boolean).join(' ')}`,
  );
  const risk = row.risk === 'destroy' ? ['It may lose work or data, and asks before it does.'] : [];
  const example = row.example ? [`For example: ${row.example}`] : [];
  return [usageOf(id, row), row.summary, ...(row.details ? [row.details] : []), ...risk, ...args, ...example].join(
    '\n',
  );
}

function boundsOf(field: Field): string {
  const unit = field.unit ? `in ${field.unit}` : '';
  const initial =
    field.default === undefined || (Array.isArray(field.default) && field.default.length === 0)
      ? ''
      : `default ${String(field.default === true ? 'yes' : field.default === false ? 'no' : field.default)}`;
  const text = [unit, initial].filter(Boolean).join(', ');
  return text && `(${text})`;
}
