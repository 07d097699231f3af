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

const LINE_MAX = 16_384;
const WORDS_MAX = 500;

/**
 * Cut a line into words as people expect of a shell: blanks part them, "…" and '…' hold them together, \ takes the next
 * character as it is (not within '…'). Nothing is expanded.
 *
 * @throws Failure bad-argument for a quote that is not closed, and for a line that is too long
 */
export function wordsIn(line: string): string[] {
  if (line.length > LINE_MAX)
    throw new Failure('bad-argument', {
      field: 'line',
      problem: `it has ${line.length} characters; ${LINE_MAX} are the most`,
    });
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < line.length; at++) {
    const character = line[at] ?? '';
    if (character === '\\' && quote !== "'") {
      word = (word ?? '') + (line[++at] ?? '\\');
    } else if (quote !== '') {
      if (character === quote) quote = '';
      else word += character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= '';
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + character;
    }
  }
  if (quote !== '') throw new Failure('bad-argument', { field: 'line', problem: `a ${quote} is not closed` });
  if (word !== undefined) words.push(word);
  if (words.length > WORDS_MAX)
    throw new Failure('bad-argument', {
      field: 'line',
      problem: `it has ${words.length} words; ${WORDS_MAX} are the most`,
    });
  return words;
}

/** Put a word so that `wordsIn` reads it as one. */
export const quoted = (word: string): string =>
  /^[^\s"'\\]+$/.test(word) ? word : `"${word.replace(/["\\]/g, '\\$&')}"`;

/** What words ask for, among the verbs that may be used. @throws Failure verb-unknown, bad-argument */
export function parseWords(words: readonly string[], table: VerbTable): Spoken {
  const [first = '', ...rest] = words;
  const lower = first.toLowerCase();
  if (lower === 'help' || first === '?') return { kind: 'help', topic: rest };
  if (lower === 'yes' && rest.length === 1) return { kind: 'yes', code: rest[0] ?? '' };
  const { verb, row, left } = verbIn(words, table);
  return { kind: 'verb', verb, args: argumentsIn(row, left) };
}

/** `guest start`, `guest.start`, or `start` where one noun alone has it, or where `guest` does. */
function verbIn(words: readonly string[], table: VerbTable): { verb: string; row: Verb; left: readonly string[] } {
  const [first = '', second = ''] = words.map((word) => word.toLowerCase());
  for (const [verb, left] of [
    [`${first}.${second}`, words.slice(2)],
    [first, words.slice(1)],
  ] as const) {
    const row = rowOf(table, verb);
    if (row) return { verb, row, left };
  }
  const ids = Object.keys(table);
  const same = ids.filter((id) => id.split('.')[1] === first);
  const verb = same.find((id) => id.startsWith('guest.')) ?? (same.length === 1 ? same[0] : undefined);
  const row = verb === undefined ? undefined : rowOf(table, verb);
  if (verb !== undefined && row) return { verb, row, left: words.slice(1) };
  throw unknownVerb(first, second, ids, same);
}

function unknownVerb(first: string, second: string, ids: readonly string[], same: readonly string[]): Failure {
  if (same.length > 1) {
    return new Failure('bad-argument', {
      field: first,
      problem: `several verbs are called that: ${same.map(spokenOf).join(', ')}`,
    });
  }
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

/** `name=value` where the verb has such an argument; the others by their place, and the rest into a last list or text. */
function argumentsIn(row: Verb, words: readonly string[]): Record<string, unknown> {
  const fields = new Map(argFields(row).map((field) => [field.name, field]));
  const args = Object.create(null) as Record<string, unknown>;
  const placed: string[] = [];
  for (const word of words) {
    const named = /^([A-Za-z][A-Za-z0-9-]*)=([\s\S]*)$/.exec(word);
    const field = named && fieldNamed(fields, named[1] ?? '');
    if (field) give(args, field, named?.[2] ?? '');
    else placed.push(word);
  }
  const places = row.positional.filter((name) => args[name] === undefined);
  placed.forEach((word, at) => {
    const field = fields.get(places[at] ?? '');
    if (!field) throw new Failure('bad-argument', { field: shown(word), problem: tooMany(row, fields, word) });
    give(args, field, word);
  });
  return args;
}

/** `memoryMiB`, `memorymib` and `memory-mib` are one name. */
function fieldNamed(fields: ReadonlyMap<string, Field>, name: string): Field | undefined {
  const plain = (text: string): string => text.replaceAll('-', '').toLowerCase();
  return fields.get(name) ?? [...fields.values()].find((field) => plain(field.name) === plain(name));
}

function give(args: Record<string, unknown>, field: Field, word: string): void {
  const before = args[field.name];
  if (field.kind === 'list') args[field.name] = [...((before as string[] | undefined) ?? []), word];
  else if (before === undefined) args[field.name] = word;
  else throw new Failure('bad-argument', { field: field.name, problem: 'it is given twice' });
}

function tooMany(row: Verb, fields: ReadonlyMap<string, Field>, word: string): string {
  const names = [...fields.keys()];
  if (names.length === 0) return 'this verb takes no arguments';
  const near = didYouMean(word.split('=')[0] ?? '', names);
  return `it has no place here; ${row.positional.length > 0 ? `by place: ${row.positional.join(', ')}; ` : ''}by name: ${names.map((name) => `${name}=…`).join(', ')}.${near}`;
}

/** A call as a line that reads back as the same call. */
export function lineFor(verb: string, args: Readonly<Record<string, unknown>>): string {
  const parts = Object.entries(args).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((each) => quoted(`${name}=${String(each)}`)),
  );
  return [spokenOf(verb), ...parts].join(' ');
}
