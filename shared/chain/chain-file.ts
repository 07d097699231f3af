import { type Document, isNode, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { Failure } from '#shared/errors.ts';
import { Chain, ChainNode } from '#shared/model/chain.ts';
import { didYouMean } from '#shared/verb/suggest.ts';
import { namesWrong, type Problem } from './chain-names.ts';

/** More than this is a mistake, or a way to fill the memory. */
const BYTES_MAX = 64 * 1024 * 1024;

const CHAIN_KEYS = Object.keys(Chain.shape);
const NODE_KEYS = Object.keys(ChainNode.in.shape);

/**
 * A chain out of its YAML.
 *
 * @param file how the text is named in messages
 * @throws Failure chain-file, whose `problem` has one line for each error: `3:14: what is wrong`
 */
export function readChain(text: string, file = 'chain'): Chain {
  if (text.length > BYTES_MAX) throw refused(file, ['1:1: a chain is at most 64 MiB']);
  const lines = new LineCounter();
  // An alias may not make a small file large, and a key that is there twice is an error.
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  if (document.errors.length > 0)
    throw refused(
      file,
      document.errors.map((error) => `${whereOf(lines, error.pos[0])}: ${error.message.split('\n')[0]}`),
    );
  const read = Chain.safeParse(plain(document, file));
  const problems = read.success ? namesWrong(read.data) : read.error.issues.flatMap((issue) => problemsOf(issue));
  if (!read.success || problems.length > 0) {
    const found = problems.map((problem) => ({ at: offsetOf(document, problem), problem }));
    const inOrder = found.toSorted((a, b) => a.at - b.at);
    throw refused(
      file,
      inOrder.map(({ at, problem }) => `${whereOf(lines, at)}: ${said(problem)}`),
    );
  }
  return read.data;
}

function plain(document: Document, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw refused(file, [`1:1: ${error instanceof Error ? error.message : 'it cannot be read'}`]);
  }
}

const refused = (file: string, problems: readonly string[]): Failure =>
  new Failure('chain-file', { file, problem: problems.join('\n') });

const said = ({ path, text }: Problem): string => (path.length > 0 ? `${path.map(String).join('.')}: ${text}` : text);

function whereOf(lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `${Math.max(1, line)}:${Math.max(1, col)}`;
}

/** Where in the text a path is; where it is missing, what it should have been in. */
function offsetOf(document: Document, { path }: Problem): number {
  for (let length = path.length; length > 0; length--) {
    const parent: unknown = document.getIn(path.slice(0, length - 1), true);
    const last = path[length - 1];
    if (typeof parent === 'object' && parent !== null && 'items' in parent && Array.isArray(parent.items)) {
      const pair: unknown = parent.items.find((item) => keyOf(item) === String(last));
      const found = pair ? (pair as { key: unknown }).key : typeof last === 'number' ? parent.items[last] : undefined;
      if (isNode(found) && found.range) return found.range[0];
    }
  }
  return 0;
}

const keyOf = (item: unknown): string | undefined =>
  typeof item === 'object' && item !== null && 'key' in item ? String(item.key) : undefined;

/** A schema's issue in plain words, with what would be right. Of a choice, the branch that came nearest speaks. */
function problemsOf(issue: z.core.$ZodIssue, above: readonly PropertyKey[] = []): Problem[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ path: [...path, key], text: `there is no such key.${keyHint(key, path)}` }));
  if (issue.code === 'invalid_union') {
    const near = issue.errors.find((branch) => !branch.some((each) => each.path.length === 0 && isKind(each)));
    if (near) return near.flatMap((each) => problemsOf(each, path));
  }
  if (issue.code === 'invalid_key') return issue.issues.map((each) => ({ path, text: each.message }));
  return [{ path, text: issue.message }];
}

/** Whether a branch was refused since the value is of another kind altogether. */
const isKind = (issue: z.core.$ZodIssue): boolean => issue.code === 'invalid_type';

function keyHint(key: string, path: readonly PropertyKey[]): string {
  const known = path.length === 0 ? CHAIN_KEYS : path.length === 2 ? NODE_KEYS : [];
  return didYouMean(key, known) || (known.length > 0 ? ` There are ${known.join(', ')}.` : '');
}
