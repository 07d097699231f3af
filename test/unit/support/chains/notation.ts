import { namesWrong } from '#shared/chain/chain-names.ts';
import { wholeOf } from '#shared/chain/chain-part.ts';
import { compile, type Graph } from '#shared/chain/compile.ts';
import { Chain } from '#shared/model/chain.ts';

/**
 * A chain in few signs, a line a node:
 *
 *     a
 *     b <- a c(soft) d(started)
 *     g = a b <- x : at-once 2
 *     c : timeout 10s, retries 2, on-failure continue, check
 *
 * After `=` the members of a group, after `<-` what it waits for, after `:` keys of a chain file. A key without a value is
 * true, a kind names itself (an export is on host1); `stop-how`, `stop-timeout` and `stop-then` are those of `stop`; `retries 2 1s` has a delay;
 * `answers`, `answers 3` or `answers 3 10s` is a ready that a probe has to tell, with how many in a row and how fresh; `keep 2 1m dependents`.
 */
export function chainOf(lines: readonly string[], name = 'c'): Chain {
  const nodes = Object.fromEntries(lines.map((line) => nodeOf(line)));
  const chain = Chain.parse({ chain: name, nodes });
  const problems = namesWrong(wholeOf(chain));
  if (problems.length > 0) throw new Error(problems.map(({ path, text }) => `${path.join('.')}: ${text}`).join('\n'));
  return chain;
}

export const graphOf = (...lines: readonly string[]): Graph => compile(chainOf(lines));

const LINE = /^(?<name>[\w-]+)(?: = (?<members>[\w -]+?))?(?: <- (?<after>[\w() -]+?))?(?: : (?<keys>.+))?$/;

function nodeOf(line: string): [string, object] {
  const parts = LINE.exec(line)?.groups;
  if (!parts?.name) throw new Error(`not a node: ${line}`);
  const members = parts.members?.split(' ') ?? [];
  const after = (parts.after?.match(/[\w-]+(\([\w ]+\))?/g) ?? []).map(dependencyOf);
  const keys = Object.assign({}, ...(parts.keys?.split(', ') ?? []).map(keyOf)) as { stop?: object };
  return [parts.name, { ...(members.length > 0 ? { kind: 'group', members } : {}), after, ...mergedStop(keys) }];
}

function mergedStop(keys: object): object {
  const stop = Object.entries(keys).filter(([key]) => key.startsWith('stop-'));
  const rest = Object.entries(keys).filter(([key]) => !key.startsWith('stop-'));
  return Object.fromEntries([
    ...rest,
    ...(stop.length > 0 ? [['stop', Object.fromEntries(stop.map(([key, value]) => [key.slice(5), value]))]] : []),
  ]);
}

function dependencyOf(text: string): object {
  const [, name, words = ''] = /^([\w-]+)(?:\(([\w ]+)\))?$/.exec(text) ?? [];
  return {
    name,
    ...(words.includes('soft') ? { need: 'soft' } : {}),
    ...(words.includes('started') ? { until: 'started' } : {}),
  };
}

const KINDS = new Set(['guest', 'host', 'network', 'router', 'export', 'check']);

function keyOf(text: string): object {
  const [key = '', ...values] = text.trim().split(' ');
  const [value] = values;
  if (key === 'export') return { kind: key, host: 'host1', export: { volume: 'v.raw' } };
  if (KINDS.has(key)) return { kind: key };
  if (key === 'answers') return { ready: { tcp: 'a:1', good: Number(value ?? 1), fresh: values[1] ?? '30s' } };
  if (key === 'keep')
    return { keep: value ? { most: Number(value), within: values[1] ?? '10m', bounce: values[2] ?? 'none' } : true };
  if (key === 'retries') return { retries: values[1] ? { count: Number(value), delay: values[1] } : Number(value) };
  if (key === 'at-once') return { 'at-once': Number(value) };
  return { [key]: value ?? true };
}
