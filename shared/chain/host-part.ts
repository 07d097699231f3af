import type { Chain, ChainNode } from '#shared/model/chain.ts';
import { edgesOf } from './compile.ts';

/** What of networks a host has by itself, before anything is started there. */
export interface HostHas {
  network(name: string): boolean;
  router(name: string): boolean;
  /** Whether it can look from that network. */
  leg(network: string): boolean;
}
const NOTHING: HostHas = { network: () => false, router: () => false, leg: () => false };

/**
 * The part of a chain that a host can bring up with nothing from elsewhere: its own guests and exports, networks and routers that it has,
 * what is looked at from it, and groups of these; without all that waits, however far down, for something else. A soft need of something else is left out, since nobody could
 * ever tell that it has failed.
 *
 * @returns undefined where there is nothing to start
 */
export function hostPart(chain: Chain, host: string, has: HostHas = NOTHING): Chain | undefined {
  const edges = edgesOf(chain);
  const part = new Set(
    Object.entries(chain.nodes).flatMap(([name, node]) => (isOwn(name, node, host, has) ? [name] : [])),
  );
  for (let isDone = false; !isDone; ) {
    isDone = true;
    for (const name of part) {
      const needs = edges.get(name) ?? [];
      if (needs.every((edge) => part.has(edge.name) || (edge.need === 'soft' && chain.nodes[name]?.kind !== 'group')))
        continue;
      part.delete(name);
      isDone = false;
    }
  }
  const nodes: Record<string, ChainNode> = {};
  for (const name of part) {
    const node = chain.nodes[name] as ChainNode;
    // What it waits for by its groups is said of it, since a group may be left out.
    const after = (edges.get(name) ?? []).filter((edge) => part.has(edge.name) && !node.members.includes(edge.name));
    nodes[name] = { ...node, after };
  }
  const isAny = Object.values(nodes).some(({ kind }) => kind === 'guest' || kind === 'export');
  return isAny ? { ...chain, nodes } : undefined;
}

/** Whether a node by itself is the host's own matter. */
function isOwn(name: string, { kind, host: at, ready }: ChainNode, host: string, has: HostHas): boolean {
  if (kind === 'group') return true;
  const tests = ready?.tests ?? [];
  const isSeenHere = tests.every(({ from, presence, network }) => {
    return (
      (from === undefined || from === host) && presence === undefined && (network === undefined || has.leg(network))
    );
  });
  if (!isSeenHere) return false;
  if (kind === 'network' || kind === 'router') return has[kind](name);
  return kind === 'guest' || kind === 'export'
    ? at === host
    : kind === 'check' && tests.every(({ from }) => from === host);
}
