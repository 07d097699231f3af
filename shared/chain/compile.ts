import type { Chain, ChainNode, Dependency } from '#shared/model/chain.ts';
import { flat, orderOf } from './order.ts';

/** An edge: `at` is the place, in `Graph.nodes`, of what is waited for. */
export interface Edge {
  at: number;
  until: Dependency['until'];
  need: Dependency['need'];
}

export interface GraphNode {
  name: string;
  spec: ChainNode;
  /** What it waits for, those of the groups around it included. */
  after: readonly Edge[];
  /** Who waits for it, by place. */
  before: readonly number[];
  /** Of those, who cannot be without it. */
  hardBefore: readonly number[];
  /** The groups around it, innermost first, by place. */
  groups: readonly number[];
  /** The groups around it that bound how many start at once, by place. */
  bounds: readonly number[];
}

/** A chain made ready for walking: each node stands behind all that it waits for. */
export interface Graph {
  chain: string;
  nodes: readonly GraphNode[];
  places: ReadonlyMap<string, number>;
}

const NONE: readonly never[] = [];

/** Groups in groups, and what all nodes together may wait for: what is refused before it takes all memory. */
export const GROUPS_DEEP_MAX = 16;
export const EDGES_MAX = 2_000_000;

/** How many edges `edgesOf` would make at most: each member of a group also waits for all that the group waits for. */
export function edgeCount(chain: Chain): number {
  const groups = groupOf(chain);
  let count = 0;
  for (const [name, { after, members }] of Object.entries(chain.nodes)) {
    count += after.length + members.length;
    for (const group of groupsAround(name, groups)) count += chain.nodes[group]?.after.length ?? 0;
  }
  return count;
}

/** What each node waits for: what it names; a group its members; a member also what its groups wait for. */
export function edgesOf(chain: Chain): Map<string, readonly Dependency[]> {
  const groups = groupOf(chain);
  return new Map(Object.entries(chain.nodes).map(([name, node]) => [name, waitsOf(chain, groups, name, node)]));
}

function waitsOf(
  chain: Chain,
  groups: ReadonlyMap<string, string>,
  name: string,
  node: ChainNode,
): readonly Dependency[] {
  if (node.kind !== 'group' && !groups.has(name)) return node.after;
  const around = groupsAround(name, groups).flatMap((group) => chain.nodes[group]?.after ?? []);
  const members = node.kind === 'group' ? node.members.map(hardOn) : [];
  return strongestOfEach([...members, ...node.after, ...around]);
}

const hardOn = (name: string): Dependency => ({ name, until: 'ready', need: 'hard' });

/** Of several edges to the same node, one that asks for all that they ask for. */
function strongestOfEach(edges: readonly Dependency[]): Dependency[] {
  const seen = new Map<string, Dependency>();
  for (const edge of edges) {
    const { until, need } = seen.get(edge.name) ?? edge;
    seen.set(edge.name, {
      name: edge.name,
      until: until === 'ready' ? until : edge.until,
      need: need === 'hard' ? need : edge.need,
    });
  }
  return [...seen.values()];
}

/** The group that each member is in. */
export function groupOf(chain: Chain): Map<string, string> {
  const groups = new Map<string, string>();
  for (const name of Object.keys(chain.nodes))
    for (const member of chain.nodes[name]?.members ?? NONE) groups.set(member, name);
  return groups;
}

/**
 * The groups around a node, innermost first, and one more than may be. A group that is inside itself ends the walk; it is a
 * cycle, and found as one.
 */
export function groupsAround(name: string, groups: ReadonlyMap<string, string>): readonly string[] {
  const first = groups.get(name);
  if (first === undefined) return NONE;
  const around: string[] = [];
  for (let at: string | undefined = first; at !== undefined && !around.includes(at); at = groups.get(at)) {
    around.push(at);
    if (around.length > GROUPS_DEEP_MAX) break;
  }
  return around;
}

/** The graph of a chain that was checked (readChain). It takes time in proportion to nodes and edges. */
export function compile(chain: Chain): Graph {
  const groups = groupOf(chain);
  const [names, specs] = [Object.keys(chain.nodes), Object.values(chain.nodes)];
  const edges = specs.map((node, number) => waitsOf(chain, groups, names[number] as string, node));
  const numbers = new Map(names.map((name, number) => [name, number]));
  const waits = flat(edges, ({ name }) => numbers.get(name) as number);
  const order = orderOf(waits);
  const placeOf = new Int32Array(names.length);
  order.forEach((number, at) => {
    placeOf[number] = at;
  });
  const before: number[][] = order.map(() => []);
  const hardBefore: number[][] = order.map(() => []);
  const nodes = order.map((number, at): GraphNode => {
    const name = names[number] as string;
    const after = (edges[number] ?? NONE).map(({ until, need }, which): Edge => {
      const place = placeOf[waits.all[(waits.from[number] ?? 0) + which] ?? 0] ?? 0;
      before[place]?.push(at);
      if (need === 'hard') hardBefore[place]?.push(at);
      return { at: place, until, need };
    });
    const around = groupsAround(name, groups).map((group) => numbers.get(group) as number);
    const bounds = around.filter((group) => specs[group]?.atOnce !== undefined);
    return {
      name,
      spec: specs[number] as ChainNode,
      after,
      before: before[at] ?? NONE,
      hardBefore: hardBefore[at] ?? NONE,
      groups: around.map((group) => placeOf[group] as number),
      bounds: bounds.map((group) => placeOf[group] as number),
    };
  });
  return { chain: chain.chain, nodes, places: new Map(nodes.map(({ name }, at) => [name, at])) };
}
