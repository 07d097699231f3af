import { bringUp, mayAdopt, takeDown } from './act.ts';
import type { Graph } from './compile.ts';
import { bounceDown, keepsWatch } from './keep.ts';
import { observe } from './observe.ts';
import { turned } from './orders.ts';
import { type Action, type Facts, hasEnded, isManaged, isSettled, type Outcome, outstanding, type Run } from './run.ts';
import { graphAt, isGood, nodeAt, type Stepping, type Wait } from './stepping.ts';

export interface Step {
  /** The run as it has to be stored before any of the actions is sent. */
  run: Run;
  actions: readonly Action[];
  /** One for each node that is not where it should be. */
  waits: readonly Wait[];
  /** When to step again though no fact changed, ms. */
  wakeAt?: number;
}

/**
 * What to do now. It has no effect and no memory: the same run, facts and time give the same step. It takes time in
 * proportion to the nodes and edges of the graph.
 */
export function advance(graph: Graph, run: Run, facts: Facts, now: number): Step {
  if (hasEnded(run)) return { run, actions: [], waits: [] };
  const step: Stepping = {
    graph,
    run,
    nodes: [...run.nodes],
    facts,
    now,
    actions: [],
    waits: [],
    busy: new Map(),
    failed: [],
    joined: new Set(),
  };
  for (let at = 0; at < step.nodes.length; at++) observe(step, at);
  if (!run.outcome) applyFailures(step);
  for (let at = step.nodes.length - 1; at >= 0; at--) {
    if (nodeAt(step, at).want === 'down') takeDown(step, at);
    else if (nodeAt(step, at).bounce) bounceDown(step, at);
  }
  countBusy(step);
  for (let at = 0; at < step.nodes.length; at++) if (nodeAt(step, at).want === 'up') bringUp(step, at);
  const next = ended(step, { ...step.run, nodes: step.nodes });
  const wakeAt = step.waits.reduce(
    (least, { until }) => Math.min(least, until !== undefined && until > now ? until : least),
    Infinity,
  );
  return {
    run: next,
    actions: step.actions,
    waits: step.waits,
    ...(Number.isFinite(wakeAt) ? { wakeAt } : {}),
  };
}

/**
 * The run with its outcome, once every node is where it stays and every operation is answered. One that watches and has nothing left to
 * keep waits for that too.
 */
function ended(step: Stepping, run: Run): Run {
  const { watching: _watching, ...rest } = run;
  if (!run.nodes.every(isSettled) || outstanding(run).length > 0) return run;
  const over: Run = run.outcome ? rest : { ...rest, outcome: outcomeOf(step), endedAt: step.now };
  return keepsWatch(step, over, run.nodes) ? { ...over, watching: true } : over;
}

/** What the failure of a node does to the rest. A failed stop is told by what is blocked behind it. */
function applyFailures(step: Stepping): undefined {
  for (const at of step.failed) {
    const { name, want } = nodeAt(step, at);
    const { onFailure } = graphAt(step, at).spec;
    if (want !== 'up' || onFailure === 'continue') continue;
    if (onFailure === 'halt') step.run = { ...step.run, halted: step.run.halted ?? name };
    else if (!step.run.rollback) rollBack(step, name);
  }
}

/** Undo what this run did, and leave what it found. */
function rollBack(step: Stepping, name: string): undefined {
  step.run = { ...step.run, rollback: name };
  step.nodes = step.nodes.map((node) => {
    if (node.want !== 'up') return node;
    const back = turned(node, node.mine || node.operation ? 'down' : 'none', step.now);
    return node.note ? { ...back, note: node.note } : back;
  });
}

/** What this run did not start takes no place in a group; what is only looked at does, from then until it is ready. */
function countBusy(step: Stepping): undefined {
  step.nodes.forEach(({ want, phase, mine }, at) => {
    if (want !== 'up' || (!mine && isManaged(graphAt(step, at)))) return;
    if (phase === 'starting' || phase === 'started' || phase === 'stopping' || isBack(step, at))
      for (const group of graphAt(step, at).bounds) step.busy.set(group, (step.busy.get(group) ?? 0) + 1);
  });
}

/** Whether a node is about to be taken as it is, and not ready yet. */
const isBack = (step: Stepping, at: number): boolean => mayAdopt(step, at) && !isGood(step, at);

function outcomeOf({ run, nodes }: Stepping): Outcome {
  if (run.rollback)
    return nodes.some(({ want, phase }) => want === 'down' && phase !== 'stopped') ? 'failed' : 'rolled-back';
  const isWrong = nodes.some(({ want, phase }) => want !== 'none' && phase !== (want === 'up' ? 'ready' : 'stopped'));
  return isWrong ? 'failed' : 'done';
}
