/** What a run goes by: what the inventory, what is no guest, and probes tell of its nodes. */
import type { Site } from '#central/inventory/site.ts';
import type { Graph } from '#shared/chain/compile.ts';
import { type Fact, type Run, watched } from '#shared/chain/run.ts';
import { stateFacts } from './facts.ts';
import type { ManagedNodes } from './managed-nodes.ts';
import type { Probing } from './probing.ts';

export interface RunFacts {
  /** Without what probes tell. */
  known(graph: Graph, run: Run | undefined): Map<string, Fact>;
  /** Probes look for runs only. */
  all(graph: Graph, run: Run | undefined): Map<string, Fact>;
  /** Have probes look at the nodes that a run is to hear of. */
  watch(graph: Graph, run: Run): void;
}

export function runFacts(deps: { site: Site; managed: ManagedNodes; probing: Probing }): RunFacts {
  const known = (graph: Graph, run: Run | undefined): Map<string, Fact> => {
    const facts = stateFacts(deps.site, graph);
    for (const [at, node] of graph.nodes.entries()) {
      const fact = deps.managed.factOf(node, run?.nodes[at]?.want === 'down');
      if (fact) facts.set(node.name, fact);
    }
    return facts;
  };
  return {
    known,
    all: (graph, run) => {
      const facts = known(graph, run);
      if (!run) return facts;
      for (const node of graph.nodes) {
        const sight = node.spec.ready && deps.probing.sightOf(run.id, node);
        if (sight) facts.set(node.name, { state: 'unknown', ...facts.get(node.name), ...sight });
      }
      return facts;
    },
    watch: (graph, run) => {
      const sinceOf = (name: string): number => run.nodes[graph.places.get(name) ?? 0]?.upFrom ?? 0;
      const nodes = watched(graph, run).map((node) => ({ node, since: sinceOf(node.name) }));
      deps.probing.watch(run.id, nodes);
    },
  };
}
