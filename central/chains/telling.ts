import type { Graph } from '#shared/chain/compile.ts';
import { plan } from '#shared/chain/plan.ts';
import { isSettled, type Run } from '#shared/chain/run.ts';
import { spokenMs } from '#shared/model/duration.ts';
import { countsOf, problemOf } from './records.ts';

const NAMED_MAX = 12;

/**
 * What people want to hear of a run, a line a wave and one for its end. Told of each step; it remembers which waves it told.
 *
 * @param say a line
 */
export function runTeller(say: (line: string) => void): (graph: Graph, before: Run, run: Run) => void {
  const told = new Map<string, Set<number>>();
  const waves = new Map<string, { key: string; of: ReadonlyMap<string, number> }>();

  const wavesOf = (graph: Graph, run: Run): ReadonlyMap<string, number> => {
    const part = run.nodes.flatMap(({ name, want }) => (want === run.goal ? [name] : []));
    const key = `${run.goal} ${part.length}`;
    const known = waves.get(run.id);
    if (known?.key === key) return known.of;
    const asked = { goal: run.goal, part, facts: new Map(), history: new Map(), others: [], now: run.startedAt };
    const of = new Map(part.length === 0 ? [] : plan(graph, asked).nodes.map(({ name, wave }) => [name, wave]));
    waves.set(run.id, { key, of });
    told.delete(run.id);
    return of;
  };

  return (graph, before, run) => {
    // One that watches is done; what it does then is told by the guests themselves.
    if (before.outcome !== undefined && run.outcome !== undefined) return;
    const of = wavesOf(graph, run);
    const done = told.get(run.id) ?? new Set<number>();
    told.set(run.id, done);
    const last = Math.max(0, ...of.values());
    for (const [wave, nodes] of Map.groupBy(run.nodes, ({ name }) => of.get(name) ?? -1)) {
      if (wave < 1 || done.has(wave) || !nodes.every(isSettled)) continue;
      done.add(wave);
      const good = nodes.filter(({ phase }) => phase === (run.goal === 'up' ? 'ready' : 'stopped'));
      const word = run.goal === 'up' ? 'up' : 'down';
      if (good.length > 0) say(`chain ${run.chain}: wave ${wave} of ${last} is ${word}: ${listed(good)}`);
    }
    if (run.outcome !== undefined && before.outcome === undefined) {
      say(endLine(run));
      told.delete(run.id);
      waves.delete(run.id);
    }
  };
}

function endLine(run: Run): string {
  const { there, of } = countsOf(run);
  const took = spokenMs((run.endedAt ?? run.startedAt) - run.startedAt);
  const problem = problemOf(run);
  return `chain ${run.chain} ${run.goal}: ${run.outcome}, ${there} of ${of} nodes, after ${took}${problem ? ` · ${problem}` : ''}`;
}

function listed(nodes: readonly { name: string }[]): string {
  const more = nodes.length - NAMED_MAX;
  const names = nodes.slice(0, NAMED_MAX).map(({ name }) => name);
  return names.join(', ') + (more > 0 ? ` and ${more} more` : '');
}
