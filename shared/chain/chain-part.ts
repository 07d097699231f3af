import type { z } from 'zod';
import { type Chain, ChainNode, NodeName } from '#shared/model/chain.ts';

/** What could be read of a chain in which some values are wrong. */
export interface PartOfChain {
  chain: Chain;
  /** Whether a key of a node had something wrong, and so says less here than in the file. */
  isUnread(node: string, key: string): boolean;
  /** A path of `chain` as it is in the file, where lists still have their wrong items. */
  pathInFile(path: readonly PropertyKey[]): readonly PropertyKey[];
}

export const wholeOf = (chain: Chain): PartOfChain => ({
  chain,
  isUnread: () => false,
  pathInFile: (path) => path,
});

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The nodes of a chain without what is wrong in them: a wrong item of a list is left out, and else the key it is in. */
export function partOf(value: unknown): PartOfChain {
  const nodes: Record<string, ChainNode> = {};
  const unread = new Map<string, Wrong>();
  const given = isMap(value) && isMap(value.nodes) ? value.nodes : {};
  for (const [name, node] of Object.entries(given)) {
    if (!NodeName.safeParse(name).success) continue;
    const read = ChainNode.safeParse(node);
    const wrong = read.success ? undefined : wrongIn(read.error.issues);
    if (wrong) unread.set(name, wrong);
    nodes[name] = read.success ? read.data : nodeWithout(node, wrong ?? new Map());
  }
  return {
    chain: { chain: 'unread', autostart: false, nodes },
    isUnread: (node, key) => unread.get(node)?.has(key) ?? false,
    pathInFile([top, node, key, at, ...more]) {
      const items = unread.get(String(node))?.get(String(key));
      const list = isMap(given[String(node)]) ? (given[String(node)] as Record<string, unknown>)[String(key)] : [];
      if (typeof at !== 'number' || !items || !Array.isArray(list))
        return [top, node, key, at, ...more].filter((step) => step !== undefined);
      return [top, node, key, kept(list, items)[at]?.at ?? at, ...more].filter((step) => step !== undefined);
    },
  };
}

/** The keys with something wrong; for a list the items, or all of it. */
type Wrong = Map<string, Set<number> | 'all'>;

function wrongIn(issues: readonly z.core.$ZodIssue[]): Wrong {
  const wrong: Wrong = new Map();
  for (const issue of issues) {
    const [key, at] = issue.path;
    if (issue.code === 'unrecognized_keys' && key === undefined) for (const each of issue.keys) wrong.set(each, 'all');
    if (key === undefined) continue;
    const items = wrong.get(String(key)) ?? new Set();
    if (items === 'all' || typeof at !== 'number') wrong.set(String(key), 'all');
    else wrong.set(String(key), items.add(at));
  }
  return wrong;
}

const kept = (list: readonly unknown[], items: Set<number> | 'all'): { item: unknown; at: number }[] =>
  list.map((item, at) => ({ item, at })).filter(({ at }) => items !== 'all' && !items.has(at));

function nodeWithout(node: unknown, wrong: Wrong): ChainNode {
  const right = Object.entries(isMap(node) ? node : {}).flatMap(([key, value]): [string, unknown][] => {
    const items = wrong.get(key);
    if (items === undefined) return [[key, value]];
    if (items === 'all' || !Array.isArray(value)) return [];
    return [[key, kept(value, items).map(({ item }) => item)]];
  });
  const read = ChainNode.safeParse(Object.fromEntries(right));
  return read.success ? read.data : ChainNode.parse({});
}
