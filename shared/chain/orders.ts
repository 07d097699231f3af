import { Failure } from '#shared/errors.ts';
import { didYouMean } from '#shared/verb/suggest.ts';
import type { Graph } from './compile.ts';
import { hasEnded, isSettled, type NodeRun, type Run, type Want } from './run.ts';

/**
 * A new run. Up takes along all that the part waits for; down all that cannot be without it.
 *
 * @param part names of nodes; none means all
 * @throws Failure chain-node-unknown
 */
export function begin(graph: Graph, id: string, goal: 'up' | 'down', part: readonly string[], now: number): Run {
  const nodes = graph.nodes.map(
    ({ name, spec }): NodeRun => ({
      name,
      want: 'none',
      phase: 'idle',
      since: now,
      attempt: 0,
      tries: 0,
      hold: spec.hold,
      mine: false,
      seen: false,
      upFrom: 0,
    }),
  );
  return redirect(graph, { id, chain: graph.chain, goal, startedAt: now, nodes }, goal, part, now);
}

/** Turn a part of a run, or all of it, up or down. A stop beats a start that is pending or under way. */
export function redirect(graph: Graph, run: Run, goal: 'up' | 'down', part: readonly string[], now: number): Run {
  const chosen = closure(graph, placesOf(graph, part), goal);
  const nodes = run.nodes.map((node, at) => (chosen[at] ? turned(node, goal, now) : node));
  const {
    halted: _halted,
    rollback: _rollback,
    outcome: _outcome,
    endedAt: _endedAt,
    watching: _watching,
    ...rest
  } = run;
  return { ...rest, goal, nodes };
}

/**
 * A node with another aim. An operation under way stays known, so that what follows supersedes it; a stop that is under way
 * is waited for, as it cannot be called back. What failed, or was left, is tried anew.
 */
export function turned(node: NodeRun, want: Want, now: number): NodeRun {
  if (node.want === want && !isSettled(node)) return node;
  if (want === 'none') return { ...node, want, phase: 'left', since: now, due: undefined };
  const { bounce: _bounce, losses: _losses, ...kept } = node;
  if (node.phase === 'stopping') return { ...kept, want, tries: 0 };
  const { due: _due, clearAt: _clearAt, note: _note, ...rest } = kept;
  return { ...rest, want, phase: 'waiting', since: now, tries: 0 };
}

/** A hold keeps a node from its start; it does not keep it from its stop. */
export function hold(graph: Graph, run: Run, names: readonly string[], isHeld: boolean): Run {
  const places = new Set(placesOf(graph, names));
  return { ...run, nodes: run.nodes.map((node, at) => (places.has(at) ? { ...node, hold: isHeld } : node)) };
}

/** Do nothing more. What is under way cannot be called back; the note of the node says so. A run that watches stays done. */
export function cancel(run: Run, now: number): Run {
  if (hasEnded(run)) return run;
  const nodes = run.nodes.map((node): NodeRun => {
    if (isSettled(node)) return node;
    const { due: _due, bounce: _bounce, ...rest } = node;
    const note = node.operation ? `its ${node.operation.verb} was under way and may still take effect` : 'as it was';
    return { ...rest, phase: 'left', since: now, note };
  });
  const { watching, ...rest } = run;
  return watching ? { ...rest, nodes } : { ...rest, nodes, outcome: 'cancelled', endedAt: now };
}

/** The nodes of which one run would make the other's work undone: wanted up here and down there. One that watches counts. */
export function conflicts(a: Run, b: Run): string[] {
  if (hasEnded(a) || hasEnded(b)) return [];
  const wants = new Map(b.nodes.map(({ name, want }) => [name, want]));
  return a.nodes
    .filter(({ name, want }) => want !== 'none' && (wants.get(name) ?? 'none') !== 'none' && wants.get(name) !== want)
    .map(({ name }) => name);
}

function placesOf(graph: Graph, names: readonly string[]): number[] {
  if (names.length === 0) return graph.nodes.map((_, at) => at);
  return names.map((node) => {
    const at = graph.places.get(node);
    if (at !== undefined) return at;
    throw new Failure('chain-node-unknown', { chain: graph.chain, node, hint: didYouMean(node, graph.places.keys()) });
  });
}

/** A group that is stopped takes its members along; a start needs no such rule, since a group waits for its members. */
function closure(graph: Graph, from: readonly number[], goal: 'up' | 'down'): boolean[] {
  const chosen = graph.nodes.map(() => false);
  const todo = [...from];
  for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
    const node = graph.nodes[at];
    if (chosen[at] || !node) continue;
    chosen[at] = true;
    if (goal === 'up') for (const edge of node.after) todo.push(edge.at);
    else {
      for (const next of node.hardBefore) todo.push(next);
      for (const member of node.spec.members) todo.push(graph.places.get(member) ?? at);
    }
  }
  return chosen;
}
