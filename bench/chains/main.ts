import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { stringify } from 'yaml';
import { readChain } from '#shared/chain/chain-file.ts';
import { compile, type Graph } from '#shared/chain/compile.ts';
import { advance } from '#shared/chain/engine.ts';
import { begin } from '#shared/chain/orders.ts';
import { plan } from '#shared/chain/plan.ts';
import type { Fact, Facts, Run } from '#shared/chain/run.ts';
import type { Chain, ChainNode } from '#shared/model/chain.ts';
import { virtualRun } from '#test/unit/support/virtual-run.ts';
import { type Figure, ms, tableOf, timesOf } from '../figures.ts';
import { chainOf, layered, numbers, walk } from './graphs.ts';
import { byPacemaker } from './pacemaker.ts';

const SIZES = [1_000, 10_000, 100_000] as const;
const PLAN_MS_AIM = 1_000;
const MAKESPAN_AIM = 1.02;
const NOW = 1_000_000;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Planning, replanning and the makespan of boot chains: `npm run bench -- --chains`. */
export function benchChains(isQuick: boolean): void {
  const figures: Figure[] = [];
  for (const count of isQuick ? SIZES.slice(0, 2) : SIZES) figures.push(...sized(count, isQuick ? 3 : 7));
  figures.push(...makespans());
  figures.push(...byPacemaker(isQuick ? [100, 1_000] : [100, 1_000, 10_000], chainOf, fromFileToPlanMs));
  console.log(tableOf(figures));
}

/** The median time of a thing, and what it gave last. */
function timed<Result>(rounds: number, thing: () => Result): { tookMs: number; result: Result } {
  const samples: number[] = [];
  let result = thing();
  for (let round = 0; round < rounds; round++) {
    const from = performance.now();
    result = thing();
    samples.push(performance.now() - from);
  }
  return { tookMs: timesOf(samples).p50Ms, result };
}

function sized(count: number, rounds: number): Figure[] {
  const chain = chainOf(count);
  const places = new Map(Object.keys(chain.nodes).map((name, at) => [name, at]));
  const edges = Object.values(chain.nodes).map(({ after }) => after.map(({ name }) => places.get(name) as number));
  const { tookMs: floorMs } = timed(rounds, () => walk(edges));
  const { tookMs: compileMs, result: graph } = timed(rounds, () => compile(chain));
  const facts = new Map(graph.nodes.map(({ name }): [string, Fact] => [name, { state: 'down' }]));
  const history = new Map(graph.nodes.map(({ name }, at) => [name, { startMs: 1_000 + (at % 7) * 500 }]));
  const asked = { goal: 'up' as const, part: [], facts, history, others: [], now: NOW };
  const { tookMs: planMs } = timed(rounds, () => plan(graph, asked));
  const grouped = compile(bounded(chain, 10));
  const { tookMs: boundMs } = timed(rounds, () => plan(grouped, asked));
  const { run, facts: half } = halfway(graph, facts);
  const { tookMs: stepMs } = timed(rounds, () => advance(graph, run, half, NOW + 1));
  const floor = `a plain walk of the graph ${ms(floorMs)}`;
  const figure = (name: string, tookMs: number, aimMs?: number): Figure => ({
    name: `${name}, ${count.toLocaleString('en')} nodes`,
    value: ms(tookMs),
    floor,
    ratio: tookMs / floorMs,
    ...(aimMs === undefined ? {} : { note: `${tookMs <= aimMs ? 'held' : 'MISSED'}: at most ${ms(aimMs)}` }),
  });
  return [
    figure('compile', compileMs),
    figure('plan', planMs),
    figure('plan within the bounds of 50 groups', boundMs),
    figure('compile and plan', compileMs + planMs, PLAN_MS_AIM),
    figure('replan: one step of a run half done', stepMs, PLAN_MS_AIM),
    ...memory(count),
    reading(count),
  ];
}

/** The same chain with a group around the guests of each host, of which so many start at once. */
function bounded(chain: Chain, atOnce: number): Chain {
  const groups = [...byHost(chain)].map(([host, members]) => {
    const [first = ''] = members;
    const group = { ...(chain.nodes[first] as ChainNode), kind: 'group' as const, host: undefined, after: [] };
    return [`on-${host}`, { ...group, members, atOnce }] as const;
  });
  return { ...chain, nodes: { ...chain.nodes, ...Object.fromEntries(groups) } };
}

function byHost(chain: Chain): Map<string, string[]> {
  const members = Map.groupBy(Object.entries(chain.nodes), ([, { host }]) => host ?? '');
  return new Map([...members].map(([host, nodes]) => [host, nodes.map(([name]) => name)]));
}

/** A run in which the first half of the nodes is ready, and the next ones are on their way. */
function halfway(graph: Graph, down: ReadonlyMap<string, Fact>): { run: Run; facts: Facts } {
  const nodes = new Map(down);
  for (const { name } of graph.nodes.slice(0, graph.nodes.length / 2)) nodes.set(name, { state: 'up' });
  const facts = { nodes, outcomes: new Map() };
  return { run: advance(graph, begin(graph, 'run', 'up', [], NOW), facts, NOW).run, facts };
}

function memory(count: number): Figure[] {
  const chain = chainOf(count);
  collect();
  const before = process.memoryUsage().heapUsed;
  const graph = compile(chain);
  const run = begin(graph, 'run', 'up', [], NOW);
  collect();
  const bytes = process.memoryUsage().heapUsed - before;
  // Both are in use until here.
  const nodes = Math.max(graph.nodes.length, run.nodes.length);
  const name = `memory of graph and run, ${count.toLocaleString('en')} nodes`;
  return [
    { name, value: `${(bytes / 1024 / 1024).toFixed(1)} MiB`, note: `${Math.round(bytes / nodes)} bytes a node` },
  ];
}

/** All that a peer does which is given a file. */
function fromFileToPlanMs(count: number): number {
  const text = stringify(layered(count, 50));
  const { tookMs } = timed(3, () => {
    const graph = compile(readChain(text));
    const facts = new Map(graph.nodes.map(({ name }): [string, Fact] => [name, { state: 'down' }]));
    return plan(graph, { goal: 'up', part: [], facts, history: new Map(), others: [], now: NOW });
  });
  return tookMs;
}

function reading(count: number): Figure {
  const text = stringify(layered(count, 50));
  const { tookMs } = timed(1, () => readChain(text));
  const name = `read from YAML (${(text.length / 1_000_000).toFixed(1)} MB), ${count.toLocaleString('en')} nodes`;
  return { name, value: ms(tookMs), note: `${((tookMs * 1_000) / count).toFixed(0)} µs a node` };
}

/** 1,000 nodes on 50 hosts, whose boots take from 1 to 60 s, under a clock of its own: against the longest way. */
function makespans(): Figure[] {
  const random = numbers(7);
  const chain = chainOf(1_000);
  const tookMs = new Map(Object.keys(chain.nodes).map((name) => [name, 1_000 + random(59_000)]));
  const timeOf = (name: string): number => tookMs.get(name) ?? 0;
  const free = makespan(compile(chain), timeOf);
  const bound = makespan(compile(bounded(chain, 2)), timeOf);
  const busiestMs = [...byHost(chain).values()].map((names) => names.reduce((sum, name) => sum + timeOf(name), 0) / 2);
  const leastMs = Math.max(bound.criticalMs, ...busiestMs);
  const seconds = (valueMs: number): string => `${(valueMs / 1_000).toFixed(1)} s`;
  return [
    {
      name: 'makespan, 1,000 nodes on 50 hosts',
      value: seconds(free.tookMs),
      floor: `longest way ${seconds(free.criticalMs)}`,
      ratio: free.tookMs / free.criticalMs,
      aim: MAKESPAN_AIM,
      note: free.note,
    },
    {
      name: 'the same, two at once on a host',
      value: seconds(bound.tookMs),
      floor: `longest way, or a host's work by two ${seconds(leastMs)}`,
      ratio: bound.tookMs / leastMs,
      note: bound.note,
    },
  ];
}

function makespan(graph: Graph, timeOf: (name: string) => number) {
  const history = new Map(graph.nodes.map(({ name }) => [name, { startMs: timeOf(name) }]));
  const facts = new Map(graph.nodes.map(({ name }): [string, Fact] => [name, { state: 'down' }]));
  const { critical, expectedMs } = plan(graph, { goal: 'up', part: [], facts, history, others: [], now: NOW });
  const from = performance.now();
  const { run, tookMs, steps } = virtualRun(graph, { goal: 'up', tookMs: timeOf });
  const stepMs = (performance.now() - from) / steps;
  if (run.outcome !== 'done' || tookMs !== expectedMs)
    throw new Error(`the run took ${tookMs} ms, ${expectedMs} were planned, and it ended as ${run.outcome}`);
  return { tookMs, criticalMs: critical.ms, note: `as planned; ${steps} steps, ${ms(stepMs)} each` };
}
