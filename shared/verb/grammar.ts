import { Failure } from '#shared/errors.ts';
import { shown } from './arguments.ts';
import { argFields, type Field } from './fields.ts';
import { didYouMean } from './suggest.ts';
import { rowOf, spokenOf, type Verb, type VerbTable } from './verb.ts';

/** What a line of chat, or a command line, asks for. */
export type Spoken =
  | { kind: 'verb'; verb: string; args: Record<string, unknown> }
  | { kind: 'help'; topic: readonly string[] }
  | { kind: 'yes'; code: string };

/** What words ask for, among the verbs that may be used. @throws Failure verb-unknown, bad-argument */
export function parseWords(words: readonly string[], table: VerbTable): Spoken {
  const [first = '', ...rest] = words;
  const lower = first.toLowerCase();
  if (lower === 'help' || first === '?') return { kind: 'help', topic: rest };
  if (lower === 'yes') return { kind: 'yes', code: codeIn(rest) };
  const { verb, row, left } = verbIn(words, table);
  return { kind: 'verb', verb, args: argumentsIn(row, left) };
}

function codeIn(rest: readonly string[]): string {
  const [code] = rest;
  if (code !== undefined && rest.length === 1) return code;
  throw new Failure('bad-argument', {
    field: 'yes',
    problem: 'say it with the code that you were given, as in yes k7xp',
  });
}

/** What may be said alone although several nouns have it: guests are what most people ask for. */
const ALONE: ReadonlyMap<string, string> = new Map([
  ['list', 'guest.list'],
  ['info', 'guest.info'],
  ['start', 'guest.start'],
  ['delete', 'guest.delete'],
]);

/** `guest start`, `guest.start`, or `start` where one noun alone has it. */
function verbIn(words: readonly string[], table: VerbTable): { verb: string; row: Verb; left: readonly string[] } {
  const [first = '', second = ''] = words.map((word) => word.toLowerCase());
  const same = Object.keys(table).filter((id) => id.split('.')[1] === first);
  const alone = same.length === 1 ? same[0] : ALONE.get(first);
  for (const [verb = '', left] of [
    [`${first}.${second}`, words.slice(2)],
    [first, words.slice(1)],
    [alone, words.slice(1)],
  ] as const) {
    const row = rowOf(table, verb);
    if (row) return { verb, row, left };
  }
  throw unknownVerb(first, second, words.slice(1), table, same);
}

function unknownVerb(
  first: string,
  second: string,
  rest: readonly string[],
  table: VerbTable,
  same: readonly string[],
): Failure {
  if (same.length > 1) {
    const lines = same.map((id) => [spokenOf(id), ...rest].join(' '));
    return new Failure('bad-argument', { field: first, problem: `which one: ${lines.join(', or ')}` });
  }
  const ids = Object.keys(table);
  const nouns = new Set(ids.map((id) => id.split('.')[0] ?? ''));
  if (nouns.has(first)) {
    const actions = ids.filter((id) => id.startsWith(`${first}.`)).map((id) => id.split('.')[1] ?? '');
    const problem =
      second === ''
        ? `say what to do: ${actions.join(', ')}`
        : `there is no ${shown(second)}; there are ${actions.join(', ')}.${didYouMean(second, actions)}`;
    return new Failure('bad-argument', { field: first, problem });
  }
  const near =
    didYouMean(`${first} ${second}`.trim(), ids.map(spokenOf)) ||
    didYouMean(first, [...ids.map((id) => id.split('.')[1] ?? ''), ...nouns, 'help']);
  return new Failure('verb-unknown', { verb: `${shown(first)}.${near} Say help for what there is` });
}

/**
 * `name=value` where the verb has such an argument; the others by their place, the last place taking all if it is a list. Behind `--`
 * all are by their place.
 */
function argumentsIn(row: Verb, words: readonly string[]): Record<string, unknown> {
  const fields = new Map(argFields(row).map((field) => [field.name, field]));
  const args = Object.create(null) as Record<string, unknown>;
  const placed: string[] = [];
  const end = words.includes('--') ? words.indexOf('--') : words.length;
  for (const word of words.slice(0, end)) {
    const named = /^([A-Za-z][A-Za-z0-9-]*)=([\s\S]*)$/.exec(word);
    const field = named && fieldNamed(fields, named[1] ?? '');
    if (field) give(args, field, named?.[2] ?? '');
    else placed.push(word);
  }
  placed.push(...words.slice(end + 1));
  const places = row.positional.filter((name) => args[name] === undefined);
  placed.forEach((word, at) => {
    const last = fields.get(places.at(-1) ?? '');
    const field = fields.get(places[at] ?? '') ?? (last?.kind === 'list' ? last : undefined);
    if (!field) throw new Failure('bad-argument', { field: shown(word), problem: tooMany(row, fields, word) });
    give(args, field, word);
  });
  return args;
}

/** `memoryMiB`, `memorymib`, `memory-mib` and, without the unit, `memory` are one name. */
function fieldNamed(fields: ReadonlyMap<string, Field>, name: string): Field | undefined {
  const plain = (text: string): string => text.replaceAll('-', '').toLowerCase();
  const all = [...fields.values()];
  return (
    fields.get(name) ??
    all.find((field) => plain(field.name) === plain(name)) ??
    all.find((field) => field.unit !== undefined && plain(field.name) === plain(name + field.unit))
  );
}

/** With its unit, and without. */
const namesOf = ({ name, unit }: Field): string[] =>
  unit !== undefined && name.toLowerCase().endsWith(unit.toLowerCase()) ? [name, name.slice(0, -unit.length)] : [name];

function give(args: Record<string, unknown>, field: Field, word: string): void {
  const before = args[field.name];
  if (field.kind === 'list') args[field.name] = [...((before as string[] | undefined) ?? []), word];
  else if (before === undefined) args[field.name] = word;
  else throw new Failure('bad-argument', { field: field.name, problem: 'it is given twice' });
}

function tooMany(row: Verb, fields: ReadonlyMap<string, Field>, word: string): string {
  const names = [...fields.keys()];
  if (names.length === 0) return 'this verb takes no arguments';
  const near = word.includes('=') ? didYouMean(word.split('=')[0] ?? '', [...fields.values()].flatMap(namesOf)) : '';
  const last = fields.get(row.positional.at(-1) ?? '');
  const isText = last?.kind === 'text' && !last.choices && !last.options;
  const quotes = isText ? ` Put what belongs to ${last.name} in "quotes".` : '';
  const places = row.positional.length > 0 ? `by place: ${row.positional.join(', ')}; ` : '';
  return `it has no place here; ${places}by name: ${names.map((name) => `${name}=…`).join(', ')}.${near}${quotes}`;
}
