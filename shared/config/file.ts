import { readFileSync, statSync } from 'node:fs';
import { LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { Failure, messageOf } from '#shared/errors.ts';
import { keysAt } from './reference.ts';

/** A configuration file, in YAML, by its schema. @throws Failure config-invalid, naming file, line, key, and what was expected */
export function readYamlFile<T extends z.ZodType>(file: string, schema: T): z.output<T> {
  const lines = new LineCounter();
  const document = parseDocument(textOf(file), { lineCounter: lines });
  const [error] = document.errors;
  if (error)
    throw new Failure('config-invalid', {
      file: `${file}:${lines.linePos(error.pos[0]).line}`,
      problem: error.message.split('\n')[0],
    });
  const parsed = schema.safeParse(plainOf(document, file));
  if (parsed.success) return parsed.data;
  const problem = parsed.error.issues.map((issue) => problemOf(issue, document, lines, schema)).join('; ');
  throw new Failure('config-invalid', { file, problem });
}

/** Aliases (`*name`) are not taken: they can make a small file large. */
function plainOf(document: ReturnType<typeof parseDocument>, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch (error) {
    throw new Failure('config-invalid', { file, problem: 'aliases (*name) are not taken here' }, { cause: error });
  }
}

function problemOf(
  issue: z.core.$ZodIssue,
  document: ReturnType<typeof parseDocument>,
  lines: LineCounter,
  schema: z.ZodType,
): string {
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const line = lineOf(document, unknown === undefined ? issue.path : [...issue.path, unknown], lines);
  const where = issue.path.join('.') || 'the file';
  if (unknown === undefined) return `${line}${where}: ${issue.message}`;
  const keys = keysAt(schema, issue.path);
  return `${line}${where}: there is no key ${unknown}${keys.length > 0 ? `; there are ${keys.join(', ')}` : ''}`;
}

/** Where a key or its value stands; where there is none, the line of what should hold it. */
function lineOf(document: ReturnType<typeof parseDocument>, path: readonly PropertyKey[], lines: LineCounter): string {
  for (let depth = path.length; depth > 0; depth--) {
    const node = document.getIn(path.slice(0, depth), true) as { range?: [number, number, number] } | undefined;
    if (node?.range) return `line ${lines.linePos(node.range[0]).line}: `;
  }
  return '';
}

export function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Failure('config-invalid', { file, problem: messageOf(error) }, { cause: error });
  }
}

/** A file with a secret, as JSON by its schema; only its owner may read it. @throws Failure config-invalid */
export function readSecretFile<T extends z.ZodType>(file: string, schema: T, due: string): z.output<T> {
  const text = textOf(file);
  if ((statSync(file).mode & 0o077) !== 0)
    throw new Failure('config-invalid', { file, problem: 'others can read it: chmod 600' });
  const parsed = schema.safeParse(jsonOf(file, text));
  if (parsed.success) return parsed.data;
  throw new Failure('config-invalid', { file, problem: due });
}

/** What a parser says of it could hold the password. */
function jsonOf(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Failure('config-invalid', { file, problem: 'it is not JSON' });
  }
}
