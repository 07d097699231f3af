import type { Site } from '#central/inventory/site.ts';
import type { GraphNode } from '#shared/chain/compile.ts';
import type { Fact } from '#shared/chain/run.ts';
import { isStateOnly, type ReadyTest } from '#shared/model/chain-ready.ts';
import type { ProbeAnswer } from '#shared/model/probe.ts';
import { hostAt } from './facts.ts';
import type { NetworkNodes } from './network-nodes.ts';

/** What was seen last by one host, by central's clock. */
export type Seen = Pick<ProbeAnswer, 'since' | 'good' | 'why'> & { placed: { good: number; from: number; at: number } };

/** Stands for central itself where hosts are named. No host has this name. */
export const CENTRAL = '';

/**
 * What is looked at from where: from the host that the test or the node says, else the one where the node is, else one that realises the
 * network that it is looked at from. What is on none of these is looked at nowhere, and so never good.
 */
export function testsByHost(site: Site, hostOf: NetworkNodes['hostOf'], node: GraphNode): Map<string, ReadyTest[]> {
  const tests = new Map<string, ReadyTest[]>();
  const { ready, kind, host: said } = node.spec;
  if (!ready || isStateOnly(ready)) return tests;
  for (const { from, ...test } of ready.tests) {
    const host =
      test.presence === undefined
        ? (from ?? said ?? hostOf(kind, node.name) ?? lookingAt(site, hostOf, node, test.network))
        : CENTRAL;
    if (host !== undefined) tests.set(host, [...(tests.get(host) ?? []), test]);
  }
  return tests;
}

/** A check is nowhere: a host that is on the network comes before any other. */
function lookingAt(
  site: Site,
  hostOf: NetworkNodes['hostOf'],
  node: GraphNode,
  network: string | undefined,
): string | undefined {
  const onNetwork = (): string | undefined => (network === undefined ? undefined : hostOf('network', network));
  return node.spec.kind === 'check' ? (onNetwork() ?? hostAt(site, node)) : (hostAt(site, node) ?? onNetwork());
}

/** One sight of several hosts' looks. `all`: as good as the worst of them; `any`: as the best. */
export function combined(
  sights: readonly (Seen | undefined)[],
  mode: 'all' | 'any',
): Pick<Fact, 'probe' | 'why'> | undefined {
  const there = sights.filter((sight) => sight !== undefined);
  const bad = there.find(({ good }) => good === 0);
  const why = bad?.why === undefined ? {} : { why: bad.why };
  if (mode === 'any') {
    const best = there.toSorted((a, b) => b.good - a.good)[0];
    return best && { probe: best.placed, ...(best.good > 0 ? {} : why) };
  }
  if (there.length === 0 || there.length < sights.length) return there.length === 0 ? undefined : why;
  return {
    probe: {
      good: Math.min(...there.map(({ placed }) => placed.good)),
      from: Math.max(...there.map(({ placed }) => placed.from)),
      at: Math.min(...there.map(({ placed }) => placed.at)),
    },
    ...why,
  };
}
