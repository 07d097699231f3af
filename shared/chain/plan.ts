import { isStateOnly } from '#shared/model/chain-ready.ts';
import type { Graph, GraphNode } from './compile.ts';
import { begin, conflicts } from './orders.ts';
import { bounded, type Task, type Tasks, unbounded } from './plan-times.ts';
import { type Fact, isManaged, type Run } from './run.ts';

/** How long a node took in earlier runs: from its start until it was ready, and from its stop until it was down, ms. */
export interface Past {
  startMs?: number;
  stopMs?: number;
}

export interface Asked {
  goal: 'up' | 'down';
  /** Names of nodes; none means all. */
  part: readonly string[];
  /** What is known of the nodes now. */
  facts: ReadonlyMap<string, Fact>;
  history: ReadonlyMap<string, Past>;
  /** Runs that are going on. */
  others: readonly Run[];
  now: number;
}

/**
 * `start` and `stop`: an agent does it. `look`: it is only watched until it answers. `adopt`: it is as it should be, and taken
 * as it is. `join`: a group, done with its last member. `pass`: there is nothing to do, or it answers already.
 */
export type Doing = 'start' | 'stop' | 'look' | 'adopt' | 'join' | 'pass';

export interface PlannedNode {
  name: string;
  does: Doing;
  /** Nodes of a wave may begin together. What begins nothing has the wave of the last that it waits for; 0 is now. */
  wave: number;
  /** When it is begun and done at the earliest, within the bounds of groups, ms from the beginning. */
  fromMs: number;
  toMs: number;
}

export interface Plan {
  chain: string;
  goal: 'up' | 'down';
  /** What is taken part in, each behind what it waits for. */
  nodes: readonly PlannedNode[];
  /** The names of what is begun: together, as far as only what they wait for goes. */
  waves: readonly (readonly string[])[];
  /** A longest way through what is to be done, each waiting for the one before, and how long it takes with no bounds, ms. */
  critical: { path: readonly string[]; ms: number };
  /** How long all of it takes, within the bounds of groups, ms; at least so long where nothing is known of some. */
  expectedMs: number;
  /** Nodes that take time, and of which it is not known how much. */
  unknown: readonly string[];
  /** Up already, for `up`; down already, for `down`. */
  adopted: readonly string[];
  /** What waits until somebody releases it; no time is counted for that. */
  held: readonly string[];
  /** What waits until its host is heard of, where this plan does not start that host. */
  unheard: readonly { node: string; host: string }[];
  /** What another run that is going on wants the other way round. */
  refused: readonly { node: string; run: string }[];
}

/**
 * What `chain up` or `chain down` would do. It takes time in proportion to nodes and edges, and where groups bound how many
 * start at once, for each node the logarithm of how many wait.
 *
 * The time is right as far as each node takes as long as before: bounds are worked out as the engine keeps them. What waits
 * until another is merely started is counted as if it waited until that is ready, and a failure or a retry is not foreseen.
 *
 * @throws Failure chain-node-unknown
 */
export function plan(graph: Graph, asked: Asked): Plan {
  const run = begin(graph, 'plan', asked.goal, asked.part, asked.now);
  const chosen = run.nodes.flatMap(({ want }, at) => (want === 'none' ? [] : [at]));
  const order = asked.goal === 'up' ? chosen : chosen.toReversed();
  const does: Does = graph.nodes.map(() => undefined);
  for (const at of order) does[at] = doingOf(graph.nodes[at] as GraphNode, asked);
  const tasks = tasksOf(graph, asked, does);
  const free = unbounded(tasks, order);
  const isBound = order.some((at) => (tasks[at] as Task).bounds.length > 0);
  const times = isBound ? bounded(tasks, order, (group) => graph.nodes[group]?.spec.atOnce ?? 1) : free;
  const waves = wavesOf(tasks, order, does);
  const nodes = order.map((at) => ({
    name: nameAt(graph, at),
    does: does[at] as Doing,
    wave: waves[at] ?? 0,
    fromMs: times.fromMs[at] ?? 0,
    toMs: times.toMs[at] ?? 0,
  }));
  return {
    chain: graph.chain,
    goal: asked.goal,
    nodes,
    waves: begunIn(nodes),
    critical: criticalOf(graph, free, order, waves),
    expectedMs: nodes.reduce((most, { toMs }) => Math.max(most, toMs), 0),
    ...remarks(graph, asked, nodes, order),
    refused: asked.others.flatMap((other) => conflicts(run, other).map((node) => ({ node, run: other.id }))),
  };
}

const nameAt = (graph: Graph, at: number): string => graph.nodes[at]?.name ?? '';

function doingOf(node: GraphNode, asked: Asked): Doing {
  const { goal, facts } = asked;
  const state = facts.get(node.name)?.state ?? 'unknown';
  if (goal === 'down') return isManaged(node) ? (state === 'down' ? 'adopt' : 'stop') : 'pass';
  if (node.spec.kind === 'group') return 'join';
  if (!isManaged(node)) return isAnswering(node, asked) ? 'pass' : 'look';
  return state === 'up' ? 'adopt' : 'start';
}

/** Whether a node that is only looked at answers already. */
function isAnswering({ name, spec }: GraphNode, { facts, now }: Asked): boolean {
  const fact = facts.get(name);
  if (spec.kind === 'host' && fact?.state !== 'up') return false;
  if (isStateOnly(spec.ready)) return spec.kind === 'host';
  const { probe } = fact ?? {};
  return probe !== undefined && probe.good >= (spec.ready?.good ?? 1) && now - probe.at <= (spec.ready?.freshMs ?? 0);
}

/** By place; nothing at places that take no part. */
type Does = (Doing | undefined)[];

function tasksOf(graph: Graph, asked: Asked, does: Readonly<Does>): Tasks {
  const isUp = asked.goal === 'up';
  const isOpen = (at: number): boolean => does[at] !== undefined && does[at] !== 'adopt';
  return does.map((doing, at): Task | undefined => {
    if (doing === undefined) return undefined;
    const node = graph.nodes[at] as GraphNode;
    const after = isUp ? node.after.map((edge) => edge.at) : node.before;
    const { startMs, stopMs } = asked.history.get(node.name) ?? {};
    const tookMs = (isUp ? startMs : stopMs) ?? 0;
    const isTimed = BEGUN.has(doing) || (isUp && doing === 'pass');
    return {
      after: doing === 'adopt' ? [] : after.filter(isOpen),
      isInstant: !isTimed,
      delayMs: isUp && isTimed ? node.spec.delayMs : 0,
      tookMs: BEGUN.has(doing) ? tookMs : 0,
      bounds: isUp && isTimed ? node.bounds : [],
    };
  });
}

const BEGUN: ReadonlySet<Doing> = new Set(['start', 'stop', 'look']);
const isBegun = ({ does }: PlannedNode): boolean => BEGUN.has(does);

/** By place. What begins something is a wave behind all that it waits for. */
function wavesOf(tasks: Tasks, order: readonly number[], does: Readonly<Does>): number[] {
  const waves: number[] = [];
  for (const at of order) {
    const behind = (tasks[at]?.after ?? []).reduce((most, each) => Math.max(most, waves[each] ?? 0), 0);
    waves[at] = behind + (BEGUN.has(does[at] as Doing) ? 1 : 0);
  }
  return waves;
}

function begunIn(nodes: readonly PlannedNode[]): string[][] {
  const waves: string[][] = [];
  for (const node of nodes) {
    if (!isBegun(node)) continue;
    while (waves.length < node.wave) waves.push([]);
    waves[node.wave - 1]?.push(node.name);
  }
  return waves;
}

function criticalOf(
  graph: Graph,
  { toMs, behind }: ReturnType<typeof unbounded>,
  order: readonly number[],
  waves: readonly number[],
): Plan['critical'] {
  let last = -1;
  for (const at of order) {
    const [mine = 0, most = 0] = [toMs[at], toMs[last]];
    if (last < 0 || mine > most || (mine === most && (waves[at] ?? 0) > (waves[last] ?? 0))) last = at;
  }
  const ms = toMs[last] ?? 0;
  const path: string[] = [];
  for (let at = last; at >= 0 && (waves[last] ?? 0) > 0; at = behind[at] ?? -1) path.push(nameAt(graph, at));
  return { path: path.toReversed(), ms };
}

type Remarks = Pick<Plan, 'unknown' | 'adopted' | 'held' | 'unheard'>;

/** @param nodes in the order of their places, `order` */
function remarks(graph: Graph, asked: Asked, nodes: readonly PlannedNode[], order: readonly number[]): Remarks {
  const isUp = asked.goal === 'up';
  const said = { unknown: [] as string[], adopted: [] as string[], held: [] as string[] };
  const unheard: { node: string; host: string }[] = [];
  nodes.forEach(({ name, does }, which) => {
    if (does === 'adopt') said.adopted.push(name);
    if (!BEGUN.has(does)) return;
    const { spec } = graph.nodes[order[which] ?? -1] as GraphNode;
    const past = asked.history.get(name);
    if ((isUp ? past?.startMs : past?.stopMs) === undefined) said.unknown.push(name);
    if (isUp && spec.hold) said.held.push(name);
    if (does !== 'look' && spec.kind !== 'host' && (asked.facts.get(name)?.state ?? 'unknown') === 'unknown')
      unheard.push({ node: name, host: spec.host ?? name });
  });
  const hosts = new Set(isUp && unheard.length > 0 ? nodes.filter(isBegun).map(({ name }) => name) : []);
  // A host that is started before is heard of in time.
  return { ...said, unheard: unheard.filter(({ node, host }) => host === node || !hosts.has(host)) };
}
