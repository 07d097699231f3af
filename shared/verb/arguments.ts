import type { z } from 'zod';
import { Failure } from '#shared/errors.ts';
import { argFields, type Field } from './fields.ts';
import type { Verb } from './verb.ts';

const YES: ReadonlySet<string> = new Set(['1', 'true', 'yes', 'on', 'y']);
const NO: ReadonlySet<string> = new Set(['0', 'false', 'no', 'off', 'n']);

/**
 * Turn what a surface read, words in text, into what the row's schema takes, and check it.
 *
 * Words become numbers and booleans by the field's kind, and by nothing else: `7` stays a text where a text is wanted.
 * @throws Failure bad-argument, naming the field, what was wrong, and what would be right
 */
export function readArguments(row: Verb, words: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const fields = argFields(row);
  const values: Record<string, unknown> = {};
  for (const name of Object.keys(words)) {
    const field = fields.find((candidate) => candidate.name === name);
    if (!field) throw new Failure('bad-argument', { field: shown(name), problem: unknownProblem(fields) });
    const value = wordValue(field, words[name]);
    if (value !== undefined) values[name] = value;
  }
  const parsed = row.args.safeParse(values);
  if (parsed.success) return parsed.data;
  throw badArgument(parsed.error);
}

function unknownProblem(fields: readonly Field[]): string {
  const names = fields.map((field) => field.name).join(', ');
  return names ? `there is no such argument; there are ${names}` : 'this verb takes no arguments';
}

function wordValue(field: Field, word: unknown): unknown {
  if (Array.isArray(word)) {
    if (field.kind === 'list') return word;
    if (word.length > 1)
      throw new Failure('bad-argument', { field: field.name, problem: 'give one value, not several' });
    return wordValue(field, word[0]);
  }
  if (typeof word !== 'string') return field.kind === 'list' && word !== undefined ? [word] : word;
  if (field.kind === 'list') return word === '' ? [] : [word];
  if (word === '' && !field.required) return undefined;
  if (field.kind === 'boolean') return booleanOf(field, word);
  if (field.kind === 'integer' || field.kind === 'number') return numberOf(field, word);
  return word;
}

function booleanOf(field: Field, word: string): boolean {
  const lower = word.toLowerCase();
  if (YES.has(lower)) return true;
  if (NO.has(lower)) return false;
  throw new Failure('bad-argument', { field: field.name, problem: `${shown(word)} is neither yes nor no` });
}

function numberOf(field: Field, word: string): number {
  if (!/^[+-]?\d{1,15}(\.\d{1,9})?$/.test(word)) {
    throw new Failure('bad-argument', {
      field: field.name,
      problem: `${shown(word)} is not a ${field.kind === 'integer' ? 'whole ' : ''}number`,
    });
  }
  return Number(word);
}

function badArgument(error: z.ZodError): Failure {
  const issue = error.issues[0];
  const field = issue?.path[0] === undefined ? 'arguments' : String(issue.path[0]);
  const missing =
    issue?.code === 'invalid_type' && issue.input === undefined && /received undefined/.test(issue.message);
  return new Failure('bad-argument', {
    field,
    problem: missing ? 'is missing' : lowerFirst(issue?.message ?? 'cannot be read'),
  });
}

const lowerFirst = (text: string): string => text.slice(0, 1).toLowerCase() + text.slice(1).replace(/\.$/, '');

/** A word of somebody else's, short enough to be repeated to them. */
export const shown = (word: string): string => `“${word.length > 40 ? `${word.slice(0, 40)}…` : word}”`;
