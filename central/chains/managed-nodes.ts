import type { GraphNode } from '#shared/chain/compile.ts';
import type { Action, Fact } from '#shared/chain/run.ts';
import type { Ended } from '#shared/conduct/conductor.ts';

/** Nodes of some kinds that are not guests: what is known of them, and what starts and stops them. */
export interface ManagedNodes {
  /** Undefined for a node of another kind. `isEnding`: it is to go down, and is up for as long as it is wanted up, whatever ails it. */
  factOf(node: GraphNode, isEnding: boolean): Fact | undefined;
  /** Why it cannot be started at all. Undefined where it is there, and for a node of another kind. */
  missing(node: GraphNode): string | undefined;
  /** Undefined for a node of another kind. */
  carry(node: GraphNode, action: Action, requester: string, signal: AbortSignal): Promise<Ended> | undefined;
}

/** Those of all of them. */
export const joinedNodes = (all: readonly ManagedNodes[]): ManagedNodes => ({
  factOf: (node, isEnding) => firstOf(all, (each) => each.factOf(node, isEnding)),
  missing: (node) => firstOf(all, (each) => each.missing(node)),
  carry: (node, action, requester, signal) => firstOf(all, (each) => each.carry(node, action, requester, signal)),
});

function firstOf<T>(all: readonly ManagedNodes[], what: (each: ManagedNodes) => T | undefined): T | undefined {
  for (const each of all) {
    const found = what(each);
    if (found !== undefined) return found;
  }
  return undefined;
}
