import { sayWait } from '#shared/chain/explain.ts';
import { type Fact, hasEnded, isSettled, type NodeRun, type Run } from '#shared/chain/run.ts';
import type { Wait } from '#shared/chain/stepping.ts';
import type { ChainRecord, NodeRecord, RunRecord } from '#shared/verbs/chain.ts';
import type { KnownChain } from './book.ts';
import type { RunView } from './runs.ts';

/** A run as verbs answer it. */
export function runRecord(run: Run, requester: string): RunRecord {
  const took = run.endedAt === undefined ? {} : { endedAt: iso(run.endedAt), tookMs: run.endedAt - run.startedAt };
  const problem = problemOf(run);
  return {
    chain: run.chain,
    run: run.id,
    goal: run.goal,
    outcome: outcomeOf(run),
    ...countsOf(run),
    startedAt: iso(run.startedAt),
    ...took,
    requester,
    ...(problem === undefined ? {} : { problem }),
  };
}

export const outcomeOf = (run: Run): string =>
  run.watching ? 'watching' : run.outcome === undefined ? 'going on' : run.outcome;

/** How many nodes take part, and are where they should be. */
export function countsOf({ nodes }: Run): { there: number; of: number } {
  const wanted = nodes.filter(({ want }) => want !== 'none');
  return { there: wanted.filter(isThere).length, of: wanted.length };
}

const isThere = ({ want, phase }: NodeRun): boolean => phase === (want === 'up' ? 'ready' : 'stopped');

/** What went wrong first: a node that failed says more than those that were blocked by it. */
export function problemOf({ nodes, halted, rollback }: Run): string | undefined {
  const first =
    nodes.find(({ name }) => name === (rollback ?? halted)) ??
    nodes.find(({ phase }) => phase === 'failed') ??
    nodes.find(({ phase }) => phase === 'blocked');
  if (first === undefined) return undefined;
  return `${first.name}: ${first.note ?? first.phase}`;
}

export function chainRecord({ stored, chain, graph }: KnownChain, view: RunView | undefined): ChainRecord {
  return {
    chain: stored.name,
    ...(chain.title === undefined ? {} : { title: chain.title }),
    nodes: graph.nodes.length,
    state: view ? stateOf(view.run) : 'never run',
    autostart: chain.autostart,
    by: stored.by,
    at: stored.at,
  };
}

function stateOf(run: Run): string {
  const { there, of } = countsOf(run);
  return `${run.goal}: ${outcomeOf(run)}, ${there} of ${of}`;
}

/** The nodes of a run: those on their way first, then those that failed, then the rest. */
export function nodeRecords(
  { run, step }: RunView,
  facts: ReadonlyMap<string, Fact>,
  now: number,
  limit: number,
): NodeRecord[] {
  const waits = new Map(step.waits.map((wait) => [wait.node, wait]));
  return run.nodes
    .filter(({ want, phase }) => want !== 'none' || phase === 'left')
    .toSorted((a, b) => rankOf(a) - rankOf(b))
    .slice(0, limit)
    .map((node) => ({
      node: node.name,
      want: node.want,
      phase: node.phase,
      since: iso(node.since),
      why: [whyOf(node, hasEnded(run) ? undefined : waits.get(node.name), now), sinceThen(node, facts.get(node.name))]
        .filter((text) => text)
        .join('; '),
    }));
}

const rankOf = (node: NodeRun): number => {
  if (!isSettled(node)) return 0;
  return node.phase === 'failed' || node.phase === 'blocked' ? 1 : 2;
};

function whyOf(node: NodeRun, wait: Wait | undefined, now: number): string {
  if (wait) return sayWait(wait, now).replace(/\.$/, '');
  return node.note ?? '';
}

/** What became of a node after its run was done with it; undefined while it is as the run left it. */
export function sinceThen({ phase }: NodeRun, fact: Fact | undefined): string | undefined {
  if (phase === 'ready' && fact?.state === 'down') return `it is not up any more: ${fact.why ?? 'it is down'}`;
  return phase === 'stopped' && fact?.state === 'up' ? 'it is up again' : undefined;
}

const iso = (ms: number): string => new Date(ms).toISOString();
