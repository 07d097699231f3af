import { type Heap, heapOf } from './heap.ts';

/** What is to be done with one node, as far as its time goes. Places are those of the graph. */
export interface Task {
  /** What has to be done before. */
  after: readonly number[];
  /** Done as soon as what it waits for is: it begins nothing. */
  isInstant: boolean;
  delayMs: number;
  tookMs: number;
  /** The groups that bound how many are under way at once. */
  bounds: readonly number[];
}

/** By place; nothing at places that take no part. */
export type Tasks = readonly (Task | undefined)[];

export interface Times {
  /** When the node is begun, and done, ms from the beginning of the run. */
  fromMs: number[];
  toMs: number[];
}

/**
 * When each task is done if nothing bounds how many are under way. It takes time in proportion to tasks and edges.
 *
 * @param order the places, each behind those that it waits for
 * @returns for each place also the task that it waits for longest, -1 where it waits for none; of two as late, the one
 *   behind more others
 */
export function unbounded(tasks: Tasks, order: readonly number[]): Times & { behind: number[] } {
  const [fromMs, toMs, behind, depth]: [number[], number[], number[], number[]] = [[], [], [], []];
  for (const at of order) {
    const { after, isInstant, delayMs, tookMs } = tasks[at] as Task;
    let last = -1;
    for (const each of after) {
      const [mine = 0, most = 0] = [toMs[each], toMs[last]];
      if (last < 0 || mine > most || (mine === most && (depth[each] ?? 0) > (depth[last] ?? 0))) last = each;
    }
    behind[at] = last;
    depth[at] = (depth[last] ?? 0) + (isInstant ? 0 : 1);
    fromMs[at] = (toMs[last] ?? 0) + (isInstant ? 0 : delayMs);
    toMs[at] = fromMs[at] + (isInstant ? 0 : tookMs);
  }
  return { fromMs, toMs, behind };
}

/**
 * When each task is done within the bounds: a task that is free to go on takes a place in each group around it, the first in the
 * graph first, as the engine does it. It takes time in proportion to tasks and edges, and for each task the logarithm of
 * how many are waiting.
 */
export function bounded(tasks: Tasks, order: readonly number[], atOnce: (group: number) => number): Times {
  const flow = flowOf(tasks, order, atOnce);
  for (let now = 0; ; now = flow.events.least()?.ms ?? now) {
    while (flow.events.least()?.ms === now) {
      const { at, is } = flow.events.pop() as Event;
      if (is === 'done') finish(flow, at, now);
      else candidate(flow, at);
    }
    startAll(flow, now);
    if (flow.events.size === 0) return { fromMs: flow.fromMs, toMs: flow.toMs };
  }
}

interface Event {
  ms: number;
  at: number;
  is: 'done' | 'clear';
}

interface Flow extends Times {
  tasks: Tasks;
  atOnce: (group: number) => number;
  before: number[][];
  missing: number[];
  events: Heap<Event>;
  /** What may begin now if its groups have room; of those that wait for room in a group, one stands for all. */
  candidates: Heap<{ at: number; of?: number }>;
  parked: Map<number, Heap<number>>;
  busy: Map<number, number>;
}

function flowOf(tasks: Tasks, order: readonly number[], atOnce: Flow['atOnce']): Flow {
  const flow: Flow = {
    tasks,
    atOnce,
    fromMs: [],
    toMs: [],
    before: [],
    missing: [],
    events: heapOf((a, b) => a.ms < b.ms),
    candidates: heapOf((a, b) => a.at < b.at),
    parked: new Map(),
    busy: new Map(),
  };
  for (const at of order) {
    const after = tasks[at]?.after ?? [];
    flow.missing[at] = after.length;
    flow.before[at] = [];
    for (const each of after) flow.before[each]?.push(at);
  }
  for (const at of order) if (tasks[at]?.after.length === 0) clear(flow, at, 0);
  return flow;
}

/** All that a task waited for is done. */
function clear(flow: Flow, at: number, now: number): void {
  const todo = [at];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    const { isInstant, delayMs } = flow.tasks[next] as Task;
    if (isInstant) {
      flow.fromMs[next] = now;
      flow.toMs[next] = now;
      todo.push(...freed(flow, next));
    } else if (delayMs > 0) flow.events.push({ ms: now + delayMs, at: next, is: 'clear' });
    else candidate(flow, next);
  }
}

const candidate = (flow: Flow, at: number): void => flow.candidates.push({ at });

function finish(flow: Flow, at: number, now: number): void {
  for (const group of flow.tasks[at]?.bounds ?? []) {
    flow.busy.set(group, (flow.busy.get(group) ?? 0) - 1);
    standFor(flow, group);
  }
  for (const next of freed(flow, at)) clear(flow, next, now);
}

/** The tasks that waited for this one alone. */
function freed(flow: Flow, at: number): number[] {
  return (flow.before[at] ?? []).filter((next) => {
    const left = (flow.missing[next] ?? 0) - 1;
    flow.missing[next] = left;
    return left === 0;
  });
}

/** The first that waits for room in a group may be tried. */
function standFor(flow: Flow, group: number): void {
  const at = flow.parked.get(group)?.pop();
  if (at !== undefined) flow.candidates.push({ at, of: group });
}

function startAll(flow: Flow, now: number): void {
  for (let next = flow.candidates.pop(); next; next = flow.candidates.pop()) {
    const { at, of } = next;
    const { bounds, tookMs } = flow.tasks[at] as Task;
    const full = bounds.find((group) => (flow.busy.get(group) ?? 0) >= flow.atOnce(group));
    if (full === undefined) {
      for (const group of bounds) flow.busy.set(group, (flow.busy.get(group) ?? 0) + 1);
      flow.fromMs[at] = now;
      flow.toMs[at] = now + tookMs;
      flow.events.push({ ms: now + tookMs, at, is: 'done' });
    } else park(flow, full, at);
    if (of !== undefined && (flow.busy.get(of) ?? 0) < flow.atOnce(of)) standFor(flow, of);
  }
}

function park(flow: Flow, group: number, at: number): void {
  const heap = flow.parked.get(group) ?? heapOf<number>((a, b) => a < b);
  heap.push(at);
  flow.parked.set(group, heap);
}
