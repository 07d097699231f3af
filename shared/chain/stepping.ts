import { isStateOnly, type Ready } from '#shared/model/chain-ready.ts';
import type { Graph, GraphNode } from './compile.ts';
import {
  type Action,
  type Fact,
  type Facts,
  isManaged,
  type NodeRun,
  type Operation,
  type Phase,
  type Run,
} from './run.ts';

/** Why a node waits: `on` names what it waits for, in words of the graph. */
export interface Wait {
  node: string;
  why: 'after' | 'before' | 'delay' | 'bound' | 'hold' | 'host' | 'operation' | 'ready' | 'lapse' | 'retry' | 'state';
  on: readonly string[];
  /** When the phase began, ms. */
  since: number;
  /** When it is over at the latest, ms. */
  until?: number;
  note?: string;
  /** Of `host`: why nothing is known. */
  unknown?: string;
}

/** One step while it is worked out. Nodes are replaced, never changed. */
export interface Stepping {
  graph: Graph;
  run: Run;
  nodes: NodeRun[];
  facts: Facts;
  now: number;
  actions: Action[];
  waits: Wait[];
  /** Nodes on their way, by the place of the group that bounds them. */
  busy: Map<number, number>;
  /** Nodes that failed in this step. */
  failed: number[];
  /** Groups of which every member is there now, by place. */
  joined: Set<number>;
}

/** Phases of a node on which nothing more is done, and which did not get where it should be. */
export const GONE: ReadonlySet<Phase> = new Set(['failed', 'blocked', 'left']);

const NOTHING: Fact = { state: 'unknown', why: 'nothing is known of it yet' };

export const nodeAt = (step: Stepping, at: number): NodeRun => step.nodes[at] as NodeRun;
export const graphAt = (step: Stepping, at: number): GraphNode => step.graph.nodes[at] as GraphNode;

/** Groups and checks have no state of their own: they count as up. */
export function factAt(step: Stepping, at: number): Fact {
  const { name, spec } = graphAt(step, at);
  const fact = step.facts.nodes.get(name) ?? NOTHING;
  return spec.kind === 'group' || spec.kind === 'check' ? { ...fact, state: 'up' } : fact;
}

/** Replace a node. A new phase begins now; one on which nothing more is done has no end. */
export function put(step: Stepping, at: number, change: Partial<NodeRun>): undefined {
  const old = nodeAt(step, at);
  const isNew = change.phase !== undefined && change.phase !== old.phase;
  const due = change.phase && GONE.has(change.phase) ? { due: undefined } : {};
  step.nodes[at] = { ...old, ...change, ...due, since: isNew ? step.now : old.since };
}

/** Whether a node is up and answers as its chain says, since its last start and not long ago; a group, whether its members do. */
export function isGood(step: Stepping, at: number): boolean {
  const { spec } = graphAt(step, at);
  if (spec.kind === 'group') return step.joined.has(at);
  const fact = factAt(step, at);
  if (fact.state !== 'up') return false;
  const { ready } = spec;
  if (ready === undefined || isStateOnly(ready)) return true;
  const { probe } = fact;
  return (
    probe !== undefined &&
    hasEnough(probe, ready, nodeAt(step, at).upFrom) &&
    // What was heard later than now, was heard before the clock was set back: the next answer will tell.
    probe.at <= step.now &&
    step.now - probe.at <= ready.freshMs
  );
}

/**
 * Whether there are enough good answers in a row since a time. Where they began before it, as with what was up all along,
 * as many count as there were intervals since.
 */
const hasEnough = ({ good, from, at }: NonNullable<Fact['probe']>, ready: Ready, since: number): boolean =>
  good >= ready.good && (from >= since || at - since >= ready.good * ready.everyMs);

/** How the operation of a node ended, where that is known. */
export const answerAt = (step: Stepping, at: number): { ok: boolean; problem?: string } | undefined =>
  step.facts.outcomes.get(nodeAt(step, at).operation?.id ?? '');

/** Whether a node may come up, whatever its state says: a start is not answered for certain, or its effect not seen yet. */
export const isComing = ({ operation, coming }: NodeRun): boolean =>
  coming === true || operation?.verb === 'start' || operation?.beats === true;

/** Begin an operation: it is in the run before anybody can send it. */
export function send(
  step: Stepping,
  at: number,
  verb: Operation['verb'],
  force: boolean,
  timeoutMs: number,
): undefined {
  const node = nodeAt(step, at);
  const attempt = node.attempt + 1;
  const last = node.operation;
  const answer = answerAt(step, at);
  const before = answer ? undefined : last;
  const isUnseen = verb === 'stop' && node.coming && factAt(step, at).state !== 'up';
  const isAgainst = isUnseen || (last?.verb === verb ? last.beats && !answer?.ok : before !== undefined);
  const operation: Operation = {
    id: `${step.run.id}/${node.name}/${verb}/${attempt}`,
    verb,
    force,
    sentAt: step.now,
    ...(before ? { supersedes: [before.id, ...(before.supersedes ?? [])] } : {}),
    ...(isAgainst ? { beats: true } : {}),
  };
  const start = { phase: 'starting', upFrom: step.now, mine: true, seen: false, coming: undefined } as const;
  const change = verb === 'start' ? start : ({ phase: 'stopping' } as const);
  put(step, at, { ...change, attempt, operation, due: step.now + timeoutMs });
  // A stop after a stop is the same phase, but a new wait.
  step.nodes[at] = { ...nodeAt(step, at), since: step.now };
  step.actions.push({ node: node.name, operation });
}

/** A try went wrong: once more after a pause, or it has failed. What is up but not ready is stopped first, if it is the run's own. */
export function retryOrFail(step: Stepping, at: number, note: string): undefined {
  const node = nodeAt(step, at);
  const { spec } = graphAt(step, at);
  const tries = node.tries + 1;
  const isUp = factAt(step, at).state === 'up' && isManaged(graphAt(step, at));
  if (tries > spec.retries.count || (isUp && !node.mine)) {
    put(step, at, { phase: 'failed', tries, note, due: undefined });
    step.failed.push(at);
    return;
  }
  put(step, at, { tries, note });
  if (isUp) send(step, at, 'stop', spec.stop.how === 'force', spec.stop.timeoutMs);
  else put(step, at, { phase: 'retrying', due: step.now + pauseMs(spec.retries, tries) });
}

export const pauseMs = (retries: GraphNode['spec']['retries'], tries: number): number =>
  Math.min(retries.mostMs, Math.round(retries.delayMs * retries.factor ** (tries - 1)));

export const spell = (step: Stepping, at: number, why: Wait['why'], on: readonly string[]): undefined => {
  const { name, since, due, note } = nodeAt(step, at);
  const unknown = why === 'host' ? factAt(step, at).why : undefined;
  step.waits.push({
    node: name,
    why,
    on,
    since,
    ...(due !== undefined && due > step.now ? { until: due } : {}),
    ...(note ? { note } : {}),
    ...(unknown ? { unknown } : {}),
  });
};
