import assert from 'node:assert/strict';
import type { Edge, Graph, GraphNode } from '#shared/chain/compile.ts';
import { advance, type Step } from '#shared/chain/engine.ts';
import { explain } from '#shared/chain/explain.ts';
import { type Facts, hasEnded, type NodeRun, outstanding, type Run } from '#shared/chain/run.ts';

/**
 * What holds after every step, worked out anew from the run and the facts, with nothing of the engine's own:
 *
 * - what is started is not up already, is not held, and all that it needs is there; softly needed things are there or given up;
 * - what is stopped for good has nobody left above it who is to be stopped and is not, at its first stop;
 * - what is stopped since it needs what was lost has nobody left above it who is to be stopped for the same reason;
 * - no group has more on the way than it bounds, after a start;
 * - one node gets at most one operation in a step, and it stands in the run as it was sent;
 * - what is to be sent again after a crash is never the start of what is wanted down;
 * - whatever is not where it should be has a wait that says why, and `explain` has words for all.
 */
export function checkStep(graph: Graph, before: Run, facts: Facts, now: number, step: Step): void {
  const { run, actions, waits } = step;
  const seen = new Set<string>();
  for (const { node, operation } of actions) {
    assert.ok(!seen.has(node), `${node} has two operations in one step`);
    seen.add(node);
    const at = graph.places.get(node) ?? -1;
    assert.deepEqual(run.nodes[at]?.operation, operation, `${node}: what is sent stands in the run`);
    if (operation.verb === 'start') checkStart(graph, run, facts, now, at);
    else if (isFirstStop(before.nodes[at])) checkStop(graph, run, at);
    else if (run.nodes[at]?.bounce && before.nodes[at]?.phase !== 'stopping') checkBounce(graph, run, at);
  }
  for (const { node, operation } of outstanding(run))
    assert.ok(operation.verb === 'stop' || nodeNamed(graph, run, node).want === 'up', `${node} would be started again`);
  if (hasEnded(run)) return;
  const waiting = new Set(waits.map((wait) => wait.node));
  for (const node of run.nodes)
    assert.ok(isThereOrGone(node) || waiting.has(node.name), `${node.name} is ${node.phase}, and nothing says why`);
  assert.ok(run.outcome || waits.length > 0, `a run goes on, and nothing waits: ${JSON.stringify(run)}`);
  for (const wait of waits) assert.match(explain(graph, step, wait.node, now), / waits .{5,}\.$/);
}

/** The same again gives the same; once it has been done there is nothing more to do; and storing a run loses nothing. */
export function checkPure(graph: Graph, before: Run, facts: Facts, now: number, step: Step): void {
  const stored = <Value>(value: Value): Value => JSON.parse(JSON.stringify(value));
  const again = advance(graph, stored(before), facts, now);
  assert.deepEqual(stored(again), stored(step), 'the same run, facts and time give the same step');
  const more = advance(graph, stored(step.run), facts, now);
  assert.deepEqual(more.actions, [], 'a step that is taken again does nothing');
  assert.deepEqual(stored(more.run), stored(step.run), 'a step goes as far as it can');
}

const nodeNamed = (graph: Graph, run: Run, name: string): NodeRun => run.nodes[graph.places.get(name) ?? -1] as NodeRun;

const isThereOrGone = ({ want, phase }: NodeRun): boolean =>
  want === 'none' || ['failed', 'blocked', 'left', want === 'up' ? 'ready' : 'stopped'].includes(phase);

const isGivenUp = ({ want, phase }: NodeRun): boolean => want !== 'up' || ['failed', 'blocked', 'left'].includes(phase);

function checkStart(graph: Graph, run: Run, facts: Facts, now: number, at: number): void {
  const node = graph.nodes[at] as GraphNode;
  const own = run.nodes[at] as NodeRun;
  const { operation } = own;
  assert.equal(own.want, 'up', `${node.name} is started, and not wanted up`);
  const isUp = facts.nodes.get(node.name)?.state === 'up';
  assert.ok(!isUp || operation?.beats, `${node.name} is started, and is up`);
  for (const each of [at, ...node.groups]) assert.ok(!run.nodes[each]?.hold, `${node.name} is started, and held`);
  for (const edge of node.after) {
    const other = run.nodes[edge.at] as NodeRun;
    const isMet = isThere(graph, run, facts, now, edge) || (edge.need === 'soft' && isGivenUp(other));
    assert.ok(isMet, `${node.name} is started before ${other.name} is there (${other.want} ${other.phase})`);
  }
  for (const group of node.bounds) {
    const most = graph.nodes[group]?.spec.atOnce ?? Number.POSITIVE_INFINITY;
    const busy = run.nodes.filter((each, place) => graph.nodes[place]?.bounds.includes(group) && isOnItsWay(each));
    assert.ok(
      busy.length <= most,
      `${graph.nodes[group]?.name} has ${busy.length} on the way, and bounds them to ${most}`,
    );
  }
}

const isOnItsWay = ({ want, phase, mine }: NodeRun): boolean =>
  want === 'up' && mine && ['starting', 'started', 'stopping'].includes(phase);

/** Whether the thing at the end of an edge is there, as far as central can know. */
function isThere(graph: Graph, run: Run, facts: Facts, now: number, edge: Edge): boolean {
  const { spec, after, name } = graph.nodes[edge.at] as GraphNode;
  const { phase, upFrom } = run.nodes[edge.at] as NodeRun;
  if (spec.kind === 'group')
    return after.every(
      (inner) =>
        isThere(graph, run, facts, now, inner) || (inner.need === 'soft' && isGivenUp(run.nodes[inner.at] as NodeRun)),
    );
  const fact = facts.nodes.get(name);
  if (spec.kind !== 'check' && fact?.state !== 'up') return false;
  if (edge.until === 'started') return phase === 'started' || phase === 'ready';
  if (phase !== 'ready') return false;
  if (!spec.ready || spec.ready.tests.every(({ state }) => state)) return true;
  const probe = fact?.probe;
  if (!probe || probe.good < spec.ready.good) return false;
  // Answers that began in an earlier life count only as far as they have gone on in this one.
  if (probe.from < upFrom && (probe.at - upFrom) / spec.ready.everyMs < spec.ready.good) return false;
  return probe.at <= now && now - probe.at <= spec.ready.freshMs;
}

/** Not one that is repeated with force, nor one before a retry, which leaves alone what is above it. */
const isFirstStop = (before: NodeRun | undefined): boolean => before?.want === 'down' && before.phase !== 'stopping';

/** Reverse of the start: nobody who waits for it, and is to be stopped, is up. */
function checkStop(graph: Graph, run: Run, at: number): void {
  const node = graph.nodes[at] as GraphNode;
  for (const place of node.before) {
    const other = run.nodes[place] as NodeRun;
    const isHard = graph.nodes[place]?.after.some((edge) => edge.at === at && edge.need === 'hard');
    const isOut = other.phase === 'stopped' || (!isHard && ['failed', 'blocked', 'left'].includes(other.phase));
    assert.ok(other.want !== 'down' || isOut, `${node.name} is stopped before ${other.name} (${other.phase})`);
  }
}

function checkBounce(graph: Graph, run: Run, at: number): void {
  for (const place of graph.nodes[at]?.before ?? []) {
    const isHard = graph.nodes[place]?.after.some((edge) => edge.at === at && edge.need === 'hard');
    const other = run.nodes[place] as NodeRun;
    assert.ok(!isHard || !other.bounce, `${graph.nodes[at]?.name} is stopped before ${other.name}, which needs it`);
  }
}
