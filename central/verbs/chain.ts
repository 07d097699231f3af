import { createHash } from 'node:crypto';
import { type ChainBook, chainOf } from '#central/chains/book.ts';
import type { Chains } from '#central/chains/chains.ts';
import {
  chainRecord,
  countsOf,
  nodeRecords,
  outcomeOf,
  problemOf,
  runRecord,
  sinceThen,
} from '#central/chains/records.ts';
import type { RunView } from '#central/chains/runs.ts';
import type { Together } from '#central/journal/journal.ts';
import { explain } from '#shared/chain/explain.ts';
import { dotOf } from '#shared/chain/graph-dot.ts';
import { svgOf } from '#shared/chain/graph-svg.ts';
import { planLines } from '#shared/chain/plan-text.ts';
import type { Run } from '#shared/chain/run.ts';
import { Failure } from '#shared/errors.ts';
import type { Questions } from '#shared/verb/confirm.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { BeforeJobs } from '#shared/verb/perform-deps.ts';
import type { Call } from '#shared/verb/request.ts';
import { didYouMean } from '#shared/verb/suggest.ts';
import type { CentralVerbs } from '#shared/verbs/central.ts';
import type { ChainRecord, chainVerbs, RunRecord } from '#shared/verbs/chain.ts';

export interface ChainVerbDeps {
  chains: Chains;
  together: Together;
  now(): number;
}

const MISSING_SHOWN = 10;
const missingLines = (missing: readonly string[]): string[] => [
  ...missing.slice(0, MISSING_SHOWN).map((text) => `Missing: ${text}`),
  ...(missing.length > MISSING_SHOWN ? [`Missing: ${missing.length - MISSING_SHOWN} more`] : []),
];

export function chainHandlers(deps: ChainVerbDeps): Handlers<typeof chainVerbs> {
  const { chains, together, now } = deps;
  const { book, runs, store } = chains;
  const recordOf = async (name: string): Promise<ChainRecord> => chainRecord(book.find(name), await runs.view(name));
  const latest = async (name: string): Promise<RunRecord> => {
    const view = await viewed(name);
    return runRecord(view.run, view.requester);
  };
  const viewed = async (name: string): Promise<RunView> => {
    const view = await runs.view(name);
    if (view) return view;
    throw new Failure('chain-not-running', { chain: name });
  };
  return {
    ...orderHandlers(deps),
    'chain.list': () => Promise.all(book.list().map(({ stored }) => recordOf(stored.name))),
    'chain.show': async ({ chain: name, graph }) => {
      const { stored, graph: made } = book.find(name);
      const run = graph === 'none' ? undefined : (await runs.view(name))?.run;
      const draw = graph === 'svg' ? svgOf : dotOf;
      return { chain: name, text: graph === 'none' ? stored.text : draw(made, run) };
    },
    'chain.set': async ({ file }, { requester }) => {
      const chain = chainOf(file);
      return runs.inTurn(async () => {
        if (book.get(chain.chain)?.stored.text !== file) runs.refuseGoing(chain.chain);
        await book.set(chain, { text: file, by: requester.bareJid, at: new Date(now()).toISOString() });
        return recordOf(chain.chain);
      });
    },
    'chain.delete': ({ chain: name }, call) =>
      runs.inTurn(async () => {
        const record = await recordOf(name);
        runs.refuseGoing(name);
        await book.remove(name, together(call, record));
        return record;
      }),
    'chain.plan': async ({ chain: name, goal, part }) => {
      const plan = runs.plan(name, goal, part);
      const { expectedMs, waves } = plan;
      return {
        chain: name,
        waves: waves.length,
        expectedMs: Math.round(expectedMs),
        text: [...planLines(plan), ...missingLines(runs.missing(name, plan))].join('\n'),
      };
    },
    'chain.status': async ({ chain: name, limit }) => {
      const view = await runs.view(name);
      return view ? nodeRecords(view, runs.now(name), now(), limit) : [];
    },
    'chain.explain': async ({ chain: name, node }) => {
      const { graph } = book.find(name);
      if (!graph.places.has(node))
        throw new Failure('chain-node-unknown', { chain: name, node, hint: didYouMean(node, graph.places.keys()) });
      const view = await runs.view(name);
      if (!view) return { node, text: `${name} was never run.` };
      const run = view.run.nodes.find((each) => each.name === node);
      const later = run && sinceThen(run, runs.now(name).get(node));
      const text = explain(graph, { ...view.step, run: view.run }, node, now());
      return { node, text: later ? `${text} By now ${later}.` : text };
    },
    'chain.hold': async ({ chain: name, nodes }) => {
      await runs.hold(name, nodes, true);
      return latest(name);
    },
    'chain.release': async ({ chain: name, nodes }) => {
      await runs.hold(name, nodes, false);
      return latest(name);
    },
    'chain.cancel': async ({ chain: name }) => {
      await runs.cancel(name);
      return latest(name);
    },
    'chain.history': async ({ chain: name, limit }) => {
      book.find(name);
      return (await store.runs(name, limit)).map(({ run, requester }) => runRecord(run, requester));
    },
  };
}

/** @throws Failure chain-not-found, chain-node-unknown */
function refuseUnknown(book: ChainBook, { chain, part }: { chain: string; part: readonly string[] }): undefined {
  const { graph } = book.find(chain);
  for (const node of part)
    if (!graph.places.has(node))
      throw new Failure('chain-node-unknown', { chain, node, hint: didYouMean(node, graph.places.keys()) });
}

/** Orders of what is not there are refused before there is a job. */
export const beforeChainJobs = (book: ChainBook): BeforeJobs<Pick<CentralVerbs, 'chain.up' | 'chain.down'>> => ({
  'chain.up': (args) => refuseUnknown(book, args),
  'chain.down': (args) => refuseUnknown(book, args),
});

/** And before anybody is asked, who is told of which chain it is. */
export const chainQuestions = (book: ChainBook): Questions<Pick<CentralVerbs, 'chain.down' | 'chain.delete'>> => ({
  'chain.down': ({ chain, part }) => {
    refuseUnknown(book, { chain, part });
    return `chain down ${[chain, ...part].join(' ')}`;
  },
  'chain.delete': ({ chain }) => {
    refuseUnknown(book, { chain, part: [] });
    return `chain delete ${chain}`;
  },
});

/** `chain.up` and `chain.down` are jobs that last as long as their run: one that is cancelled cancels it. */
function orderHandlers({ chains: { runs } }: ChainVerbDeps) {
  const order =
    (goal: 'up' | 'down') =>
    async ({ chain, part }: { chain: string; part: readonly string[] }, call: Call): Promise<RunRecord> => {
      const { requester, operation } = call;
      const id = `${chain}-${createHash('sha256')
        .update(JSON.stringify([requester.bareJid, operation]))
        .digest('hex')
        .slice(0, 8)}`;
      const begun = await runs.order({ chain, goal, part, requester: requester.bareJid, id });
      const run = await settled(runs, begun, goal, call);
      const record = runRecord(run, requester.bareJid);
      if (run.outcome === 'done' && run.goal === goal) return record;
      if (run.goal !== goal)
        throw new Failure('chain-failed', {
          chain,
          outcome: 'turned',
          problem: `it was ordered ${run.goal} meanwhile`,
        });
      throw new Failure('chain-failed', {
        chain,
        outcome: outcomeOf(run),
        problem: problemOf(run) ?? 'see chain status',
      });
    };
  return { 'chain.up': order('up'), 'chain.down': order('down') };
}

/** Wait until a run has an outcome, or is turned; its progress is the job's. */
async function settled(runs: Chains['runs'], begun: Run, goal: 'up' | 'down', call: Call): Promise<Run> {
  const { promise, resolve, reject } = Promise.withResolvers<Run>();
  const look = (run: Run): void => {
    if (run.id !== begun.id) return;
    const { there, of } = countsOf(run);
    call.progress(`${there} of ${of} nodes are ${goal}`, of === 0 ? 100 : Math.floor((100 * there) / of));
    if (run.outcome !== undefined || run.goal !== goal) resolve(run);
  };
  const off = runs.onStep((_chain, _before, { run }) => look(run));
  const onAbort = (): void => {
    const isCancel = call.signal.reason instanceof Failure && call.signal.reason.code === 'job-cancelled';
    if (isCancel) runs.cancel(begun.chain).catch(() => {});
    reject(call.signal.reason);
  };
  call.signal.addEventListener('abort', onAbort, { once: true });
  try {
    look((await runs.find(begun.id)) ?? begun);
    return await promise;
  } finally {
    off();
    call.signal.removeEventListener('abort', onAbort);
  }
}
