import type { Graph } from '#shared/chain/compile.ts';
import { advance, type Step } from '#shared/chain/engine.ts';
import { begin } from '#shared/chain/orders.ts';
import type { Fact, Run } from '#shared/chain/run.ts';

/** A run that went to its end under a clock of its own. */
export interface VirtualRun {
  run: Run;
  /** When each node was begun and was where it should be, ms from the beginning. */
  begunMs: ReadonlyMap<string, number>;
  doneMs: ReadonlyMap<string, number>;
  tookMs: number;
  steps: number;
}

export interface VirtualWorld {
  goal: 'up' | 'down';
  /** How each node is at the beginning; down where nothing is said. */
  facts?: ReadonlyMap<string, Fact>;
  /** From the order until the node is there, ms. */
  tookMs: (node: string) => number;
}

const BEGIN_MS = 1_000_000;
const STEPS_MAX = 100_000;

/** Drive the engine through a whole run, in which each node takes as long as it is said and nothing goes wrong. */
export function virtualRun(graph: Graph, { goal, facts: given, tookMs }: VirtualWorld): VirtualRun {
  const facts = new Map<string, Fact>(
    graph.nodes.map(({ name }) => [name, given?.get(name) ?? { state: goal === 'up' ? 'down' : 'up' }]),
  );
  const outcomes = new Map<string, { ok: boolean }>();
  const coming = new Map<number, { node: string; operation?: string }[]>();
  const begunMs = new Map<string, number>();
  const doneMs = new Map<string, number>();
  const expect = (node: string, now: number, operation?: string): void => {
    begunMs.set(node, now - BEGIN_MS);
    const at = now + tookMs(node);
    coming.set(at, [...(coming.get(at) ?? []), { node, ...(operation === undefined ? {} : { operation }) }]);
  };
  const happen = (now: number): void => {
    for (const { node, operation } of coming.get(now) ?? []) {
      doneMs.set(node, now - BEGIN_MS);
      if (operation) outcomes.set(operation, { ok: true });
      facts.set(node, goal === 'up' ? { state: 'up', probe: { good: 1_000, from: now, at: now } } : { state: 'down' });
    }
    coming.delete(now);
    for (const [node, { state, probe }] of facts) if (probe) facts.set(node, { state, probe: { ...probe, at: now } });
  };
  let now = BEGIN_MS;
  let run = begin(graph, 'virtual', goal, [], now);
  for (let steps = 1; ; steps++) {
    if (steps > STEPS_MAX) throw new Error(`it went round ${STEPS_MAX} times without an end`);
    const step: Step = advance(graph, run, { nodes: facts, outcomes }, now);
    for (const { node, operation } of step.actions) expect(node, now, operation.id);
    // What is only looked at answers some time after it was first looked at.
    step.run.nodes.forEach(({ name, phase, want }, at) => {
      const { kind } = graph.nodes[at]?.spec ?? {};
      if (want === 'up' && phase === 'started' && (kind === 'check' || kind === 'host') && !begunMs.has(name))
        expect(name, now);
    });
    const isSame = step.run.nodes.every(({ phase, clearAt }, at) => {
      const before = run.nodes[at];
      return phase === before?.phase && clearAt === before.clearAt;
    });
    run = step.run;
    if (run.outcome) return { run, begunMs, doneMs, tookMs: now - BEGIN_MS, steps };
    if (step.actions.length > 0 || !isSame || coming.has(now)) {
      happen(now);
      continue;
    }
    now = Math.min(...coming.keys(), step.wakeAt ?? Number.POSITIVE_INFINITY);
    if (!Number.isFinite(now)) throw new Error(`nothing will ever happen: ${JSON.stringify(step.waits.slice(0, 3))}`);
    happen(now);
  }
}
