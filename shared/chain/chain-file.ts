import { LineCounter, parseDocument, type YAMLError } from 'yaml';
import type { z } from 'zod';
import { Failure, messageOf } from '#shared/errors.ts';
import { Chain, ChainNode } from '#shared/model/chain.ts';
import { didYouMean } from '#shared/verb/suggest.ts';
import { keysAt } from './chain-keys.ts';
import { namesWrong, type Problem } from './chain-names.ts';
import { partOf, wholeOf } from './chain-part.ts';
import { keysThereTwice, placesIn } from './chain-places.ts';
import { inPlainWords } from './chain-words.ts';

/** More than this is a mistake, or a way to fill the memory. A chain of 100,000 nodes has about 8 million characters. */
const LETTERS_MAX = 16 * 1024 * 1024;
/** Who has more errors than this is told of the first, and how many there are. */
const TOLD_MAX = 100;

/**
 * A chain out of its YAML.
 *
 * All that can be known of what is wrong is told at once: what can be read is checked although the rest is wrong.
 *
 * @param file how the text is named in messages
 * @throws Failure chain-file, whose `problem` has one line for each error: `3:14: what is wrong`
 */
export function readChain(text: string, file = 'file'): Chain {
  const refuse = (lines: readonly string[]): never => {
    throw new Failure('chain-file', { file, problem: lines.join('\n') });
  };
  if (text.length > LETTERS_MAX) return refuse([`1:1: a chain has at most ${LETTERS_MAX} characters`]);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: false });
  const places = placesIn(document, lines);
  const syntax = [...document.errors, ...document.warnings].map((error) => ({
    at: error.pos[0],
    line: () => firstLine(error),
  }));
  const told = (found: readonly Told[]): string[] =>
    listed(found.map(({ at, line }) => ({ at, line: () => `${places.spoken(at)}: ${line()}` })));
  if (document.errors.length > 0) return refuse(told(syntax));
  const twice = keysThereTwice(document).map((at) => ({ at, line: () => 'this key is there twice' }));
  // An alias may not make a small file large.
  const value = plain(() => document.toJS({ maxAliasCount: 100 }), refuse);
  const { chain, problems } = checked(value);
  const found = problems.map((each) => ({ at: places.offsetOf(each.path), line: () => said(each) }));
  const all = [...syntax, ...twice, ...found];
  return chain && all.length === 0 ? chain : refuse(told(all));
}

interface Told {
  at: number;
  line: () => string;
}

/** The place is told in front. */
const firstLine = ({ message }: YAMLError): string =>
  (message.split('\n')[0] ?? message).replace(/ at line \d+, column \d+:?$/, '');

function listed(found: readonly Told[]): string[] {
  const first = found.toSorted((a, b) => a.at - b.at).slice(0, TOLD_MAX);
  const more = found.length - first.length;
  const lines = [...new Set(first.map(({ line }) => line()))];
  return more > 0 ? [...lines, `1:1: and ${more} errors more`] : lines;
}

function plain(read: () => unknown, refuse: (lines: readonly string[]) => never): unknown {
  try {
    return read();
  } catch (error) {
    return refuse([`1:1: ${messageOf(error).replaceAll(/\s+/g, ' ')}`]);
  }
}

function checked(value: unknown): { chain?: Chain; problems: Problem[] } {
  const read = Chain.safeParse(value, { error: inPlainWords });
  if (!read.success) {
    const values = read.error.issues.flatMap((issue) => [...problemsOf(issue), ...behindName(issue, value)]);
    return { problems: [...values, ...namesWrong(partOf(value)), ...dropped(value)] };
  }
  const problems = [...namesWrong(wholeOf(read.data)), ...dropped(value)];
  return { chain: read.data, problems };
}

const said = ({ path, text, hint }: Problem): string =>
  `${path.length > 0 ? `${path.map(visible).join('.')}: ` : ''}${text}${hint?.() ?? ''}`.replaceAll(/\s+/g, ' ');

/** A key as it is, and in quotes where it could not be seen. */
const visible = (key: PropertyKey): string =>
  /^$|^\s|\s$|\p{Cc}/u.test(String(key)) ? JSON.stringify(String(key)) : String(key);

/** A node whose name is wrong was not looked into by the schema. */
function behindName(issue: z.core.$ZodIssue, value: unknown): Problem[] {
  if (issue.code !== 'invalid_key' || issue.path[0] !== 'nodes' || issue.path.length !== 2) return [];
  const { nodes } = value as { nodes: Record<PropertyKey, unknown> };
  const read = ChainNode.safeParse(nodes[issue.path[1] as PropertyKey], { error: inPlainWords });
  return read.success ? [] : read.error.issues.flatMap((each) => problemsOf(each, issue.path));
}

/** The one name that the schema passes over in silence. */
function dropped(value: unknown): Problem[] {
  const name = '__proto__';
  const text = 'this name is not allowed';
  const nodes = (value as { nodes?: unknown } | null)?.nodes;
  if (typeof nodes !== 'object' || nodes === null) return [];
  const inNodes = Object.entries(nodes).flatMap(([node, spec]: [string, { params?: unknown } | null]) => {
    const params = spec?.params;
    return typeof params === 'object' && params !== null && Object.hasOwn(params, name)
      ? [{ path: ['nodes', node, 'params', name], text }]
      : [];
  });
  return Object.hasOwn(nodes, name) ? [{ path: ['nodes', name], text }, ...inNodes] : inNodes;
}

/** A schema's issue in plain words, with what would be right. Of a choice, the branch that came nearest speaks. */
function problemsOf(issue: z.core.$ZodIssue, above: readonly PropertyKey[] = []): Problem[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      path: [...path, key],
      text: 'there is no such key.',
      hint: () => keyHint(key, path),
    }));
  if (issue.code === 'invalid_union') {
    const near = issue.errors.find((branch) => !branch.some((each) => each.path.length === 0 && isKind(each)));
    // With a key too many it is no wonder that the whole does not fit.
    const isStrange = near?.some(({ code }) => code === 'unrecognized_keys');
    const told = near?.filter((each) => !isStrange || each.code !== 'custom' || each.path.length > 0);
    if (told) return told.flatMap((each) => problemsOf(each, path));
  }
  if (issue.code === 'invalid_key') return issue.issues.map((each) => ({ path, text: each.message }));
  return [{ path, text: issue.message }];
}

/** Whether a branch was refused since the value is of another kind altogether. */
const isKind = (issue: z.core.$ZodIssue): boolean => issue.code === 'invalid_type';

function keyHint(key: string, path: readonly PropertyKey[]): string {
  const known = keysAt(path);
  return didYouMean(key, known) || (known.length > 0 ? ` There are ${known.join(', ')}.` : '');
}
