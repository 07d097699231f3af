import type { Graph, GraphNode } from './compile.ts';

export type Want = 'up' | 'down' | 'none';
/** `left`: nothing more is done with it, and it stays as it is. `retrying`: it pauses before it is tried again. */
export type Phase =
  | 'idle'
  | 'waiting'
  | 'starting'
  | 'started'
  | 'ready'
  | 'retrying'
  | 'stopping'
  | 'stopped'
  | 'failed'
  | 'blocked'
  | 'left';

/**
 * What is asked of an agent. The id follows from run, node and attempt, so that it is the same after a crash. A start of
 * what is up and a stop of what is down end well, and do nothing.
 */
export interface Operation {
  id: string;
  verb: 'start' | 'stop';
  /** For a stop: take the power instead of asking. */
  force: boolean;
  sentAt: number;
  /** All before it whose outcome is not known, the last one first; who is asked must not carry them out any more. */
  supersedes?: readonly string[];
  /** Something before it would undo it, and may still come: only the answer tells that it cannot any more, not the state. */
  beats?: true;
}

export interface NodeRun {
  name: string;
  want: Want;
  phase: Phase;
  /** When the phase began, ms. */
  since: number;
  /** Operations so far; part of their ids. */
  attempt: number;
  /** Tries that went wrong since it was asked for. */
  tries: number;
  hold: boolean;
  /** This run started it; what was up already is not its own. */
  mine: boolean;
  /** It has been seen up since its start. */
  seen: boolean;
  /** Good answers before this do not count: they are from an earlier life, ms. */
  upFrom: number;
  /** Its start may have been carried out, and it has not been seen up since: that it is seen down may be old news. */
  coming?: true;
  /** Not answered yet. It stays until it is, or until the next one supersedes it. */
  operation?: Operation;
  /** When the phase is over at the latest, or a pause ends, ms. Missing while its host cannot be reached: time stands still. */
  due?: number;
  /** When the last thing it waited for was there, ms. */
  clearAt?: number;
  /** When a kept node was lost, as far as it still counts, ms. */
  losses?: readonly number[];
  /** What it needs was lost: it is stopped, and then started again. */
  bounce?: true;
  note?: string;
}

export type Outcome = 'done' | 'failed' | 'rolled-back' | 'cancelled';

/** A run as it is stored: plain data, the nodes in the order of the graph. */
export interface Run {
  id: string;
  chain: string;
  goal: 'up' | 'down';
  startedAt: number;
  nodes: readonly NodeRun[];
  /** The node whose failure ended all further starts. */
  halted?: string;
  /** The node whose failure has the run undone. */
  rollback?: string;
  outcome?: Outcome;
  endedAt?: number;
  /**
   * It is done, and goes on to start again those of its nodes that are kept (`keep`). Its outcome stays `done` whatever
   * becomes of them; a kept node that is given up says so in its note. It ends when none is left to keep.
   */
  watching?: true;
}

export interface Fact {
  /** `unknown`: its host cannot be reached, or has not told yet. For a host: whether it can be reached. */
  state: 'up' | 'down' | 'unknown';
  why?: string;
  /** Good answers in a row, when the first and the last of them came, by central's clock, ms. */
  probe?: { good: number; from: number; at: number };
}

export interface Facts {
  nodes: ReadonlyMap<string, Fact>;
  /** How operations ended, by id. An operation that was superseded counts as ended. */
  outcomes: ReadonlyMap<string, { ok: boolean; problem?: string }>;
}

export interface Action {
  node: string;
  operation: Operation;
}

const SETTLED: ReadonlySet<Phase> = new Set(['idle', 'ready', 'stopped', 'failed', 'blocked', 'left']);
/** Whether a node is where it will stay. What was stopped while it should be up is on its way. */
export const isSettled = ({ want, phase }: NodeRun): boolean =>
  want === 'none' || (SETTLED.has(phase) && phase !== (want === 'up' ? 'stopped' : 'ready'));

/** Whether there is something to start and stop, and not only to look at. */
export const isManaged = ({ spec }: GraphNode): boolean =>
  spec.kind === 'host' ? spec.power : spec.kind !== 'check' && spec.kind !== 'group';

/** Whether nothing will come of a run any more. Until then its chain must stay as it is: the run knows nodes by place. */
export const hasEnded = ({ outcome, watching }: Run): boolean => outcome !== undefined && !watching;

/** Whether a run was made of a graph as it is now, so that the two may be used together. */
export const fits = (graph: Graph, run: Run): boolean =>
  graph.nodes.length === run.nodes.length && graph.nodes.every(({ name }, at) => run.nodes[at]?.name === name);

/** Whether the operation of a node does what is wanted of it now. One that does not is never sent again, only superseded. */
function isAwaited({ want, phase, operation }: NodeRun): boolean {
  if (operation?.verb === 'start')
    return want === 'up' && (phase === 'starting' || phase === 'started' || phase === 'ready');
  return operation !== undefined && (phase === 'stopping' || (phase === 'stopped' && want === 'down'));
}

/**
 * The operations that wait for their answer, to be sent again after a crash or a new connection: the ids are the same. A
 * run does not end before they are answered, since what is still on its way may take effect when nobody expects it.
 */
export const outstanding = (run: Run): Action[] =>
  hasEnded(run)
    ? []
    : run.nodes.flatMap((node) =>
        node.operation && isAwaited(node) ? [{ node: node.name, operation: node.operation }] : [],
      );

/** The nodes whose readiness has to be probed now. */
export const watched = (graph: Graph, run: Run): GraphNode[] =>
  hasEnded(run)
    ? []
    : run.nodes.flatMap(({ want, phase }, at) => {
        const node = graph.nodes[at];
        const isOn = want === 'up' && (phase === 'starting' || phase === 'started' || phase === 'ready');
        return isOn && node?.spec.ready ? [node] : [];
      });
