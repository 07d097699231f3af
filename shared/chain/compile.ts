import type { Chain, ChainNode, Dependency } from '#shared/model/chain.ts';

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
export function edgesOf(chain: Chain): Map<string, Dependency[]> {
  const groups = groupOf(chain);
  const edges = new Map<string, Dependency[]>();
  for (const [name, node] of Object.entries(chain.nodes)) {
    const around = groupsAround(name, groups).flatMap((group) => chain.nodes[group]?.after ?? []);
    const members = node.kind === 'group' ? node.members.map(hardOn) : [];
    edges.set(
      name,
      around.length + members.length === 0 ? node.after : strongestOfEach([...members, ...node.after, ...around]),
    );
  }
  return edges;
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
  for (const [name, node] of Object.entries(chain.nodes)) for (const member of node.members) groups.set(member, name);
  return groups;
}

/**
 * The groups around a node, innermost first, and one more than may be. A group that is inside itself ends the walk; it is a
 * cycle, and found as one.
 */
export function groupsAround(name: string, groups: ReadonlyMap<string, string>): string[] {
  const around: string[] = [];
  for (let at = groups.get(name); at !== undefined && !around.includes(at); at = groups.get(at)) {
    around.push(at);
    if (around.length > GROUPS_DEEP_MAX) break;
  }
  return around;
}

/** The names in an order in which each stands behind what it waits for (Kahn); those on or behind a cycle are missing. */
export function orderOf(edges: ReadonlyMap<string, readonly Dependency[]>): string[] {
  const missing = new Map<string, number>();
  const before = new Map<string, string[]>();
  for (const name of edges.keys()) before.set(name, []);
  for (const [name, after] of edges) {
    missing.set(name, after.length);
    for (const edge of after) before.get(edge.name)?.push(name);
  }
  const order = [...edges.keys()].filter((name) => missing.get(name) === 0);
  for (let at = 0; at < order.length; at++)
    for (const next of before.get(order[at] as string) ?? []) {
      const left = (missing.get(next) ?? 0) - 1;
      missing.set(next, left);
      if (left === 0) order.push(next);
    }
  return order;
}

/** The graph of a chain that was checked (readChain). It takes time in proportion to nodes and edges. */
export function compile(chain: Chain): Graph {
  const edges = edgesOf(chain);
  const order = orderOf(edges);
  const places = new Map(order.map((name, at) => [name, at]));
  const groups = groupOf(chain);
  const before: number[][] = order.map(() => []);
  const hardBefore: number[][] = order.map(() => []);
  const place = (name: string): number => places.get(name) as number;
  const nodes = order.map((name, at): GraphNode => {
    const after = (edges.get(name) ?? []).map((edge) => ({ at: place(edge.name), until: edge.until, need: edge.need }));
    for (const edge of after) before[edge.at]?.push(at);
    for (const edge of after) if (edge.need === 'hard') hardBefore[edge.at]?.push(at);
    const around = groupsAround(name, groups);
    return {
      name,
      spec: chain.nodes[name] as ChainNode,
      after,
      before: before[at] ?? [],
      hardBefore: hardBefore[at] ?? [],
      groups: around.map(place),
      bounds: around.filter((group) => chain.nodes[group]?.atOnce !== undefined).map(place),
    };
  });
  return { chain: chain.chain, nodes, places };
}
