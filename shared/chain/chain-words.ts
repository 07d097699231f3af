import type { z } from 'zod';

const KINDS: Readonly<Record<string, string>> = {
  string: 'write text, in quotes where it looks like a number',
  number: 'write a number',
  int: 'write a whole number',
  boolean: 'write true or false',
  array: 'write a list',
  object: 'write a map, KEY: VALUE',
  record: 'write a map, NAME: VALUE',
};

/** What would be right, for what the schema refuses with no words of its own. */
export function inPlainWords(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'invalid_type')
    return issue.input === undefined ? 'it has to be given' : (KINDS[issue.expected] ?? undefined);
  if (issue.code === 'invalid_value') return `say ${issue.values.map(String).join(' or ')}`;
  if (issue.code === 'too_small') return `at least ${issue.minimum}${unitOf(issue.origin)}`;
  if (issue.code === 'too_big') return `at most ${issue.maximum}${unitOf(issue.origin)}`;
  return undefined;
}

const unitOf = (origin: string): string => (origin === 'string' ? ' letters' : origin === 'array' ? ' items' : '');
