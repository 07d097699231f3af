import type { GraphNode } from '#shared/chain/compile.ts';
import type { ReadyTest } from '#shared/model/chain-ready.ts';
import type { Probe } from '#shared/model/probe.ts';
import type { Leg } from './legs.ts';

/** A node of a run whose readiness is looked at. */
export interface Watched {
  node: GraphNode;
  /** Since when answers count, ms: of the node in the run. */
  since: number;
}

/** What a host looks at, by the id of the probe. */
export type ProbeSet = ReadonlyMap<string, Probe>;

/** What all runs want looked at, by the host that looks. */
export function probeSets(
  wanted: ReadonlyMap<string, readonly Watched[]>,
  testsOf: (node: GraphNode) => ReadonlyMap<string, ReadyTest[]>,
  guestOf: (node: GraphNode) => string | undefined,
): Map<string, ProbeSet> {
  const sets = new Map<string, Map<string, Probe>>();
  for (const [run, nodes] of wanted)
    for (const { node, since } of nodes)
      for (const [host, tests] of testsOf(node)) {
        const set = sets.get(host) ?? new Map<string, Probe>();
        sets.set(host, set);
        const probe = probeOf(probeId(run, node.name), node, { since, tests, guest: guestOf(node) });
        if (probe) set.set(probe.id, probe);
      }
  return sets;
}

function probeOf(
  id: string,
  { name, spec: { kind, guest: said, ready } }: GraphNode,
  { since, tests, guest: found }: { since: number; tests: ReadyTest[]; guest: string | undefined },
): Probe | undefined {
  if (!ready || tests.length === 0) return undefined;
  const guest = found ?? (kind === 'guest' ? (said ?? name) : undefined);
  const { mode, everyMs, good, freshMs } = ready;
  return { id, ...(guest === undefined ? {} : { guest }), since, tests, mode, everyMs, good, freshMs };
}

export const probeId = (run: string, node: string): string => `${run}/${node}`;

/** The legs that hosts need to look from networks. */
export const legsIn = (tests: ReadonlyMap<string, readonly ReadyTest[]>): Leg[] =>
  [...tests].flatMap(([host, each]) =>
    each.flatMap(({ network }) => (network === undefined ? [] : [{ network, host }])),
  );

export const sameSet = (a: ProbeSet | undefined, b: ProbeSet | undefined): boolean =>
  JSON.stringify([...(a?.values() ?? [])]) === JSON.stringify([...(b?.values() ?? [])]);
