import assert from 'node:assert/strict';
import type { Graph } from '#shared/chain/compile.ts';
import type { NodeRecord } from '#shared/verbs/chain.ts';

/** How a run went, in milliseconds of one clock. */
export interface Went {
  graph: Graph;
  /** When each guest was first asked to start, or to stop. */
  asked: ReadonlyMap<string, number>;
  /** When each node was where it should be. */
  there: ReadonlyMap<string, number>;
}

/**
 * Put together what the audit trail and the status of a chain say.
 * @param trail of one verb in one run; what a crash interrupted stands there more than once
 */
export function wentOf(
  graph: Graph,
  trail: readonly { target?: string | undefined; at: string }[],
  status: readonly NodeRecord[],
): Went {
  const asked = new Map<string, number>();
  for (const { target = '', at } of trail)
    asked.set(target, Math.min(asked.get(target) ?? Number.POSITIVE_INFINITY, Date.parse(at)));
  assert.deepEqual(
    [...asked.keys()].toSorted(),
    guestsIn(graph)
      .map(({ name }) => name)
      .toSorted(),
  );
  return { graph, asked, there: new Map(status.map(({ node, since }) => [node, Date.parse(since)])) };
}

export const guestsIn = (graph: Graph) => graph.nodes.filter(({ spec }) => spec.kind === 'guest');

/** No guest was asked to start before all that it waits for was ready. */
export function inOrder({ graph, asked, there }: Went): void {
  for (const { name, after } of guestsIn(graph))
    for (const need of after.map(({ at }) => graph.nodes[at]?.name ?? ''))
      assert.ok(timeOf(there, need) <= timeOf(asked, name), `${name} started before ${need} was ready`);
}

/** Of no group more were under way at once than it allows; of each that has a bound, more than one. */
export function withinBounds({ graph, asked, there }: Went): void {
  const bounded = graph.nodes.filter(({ spec }) => spec.atOnce !== undefined);
  assert.ok(bounded.length > 0);
  for (const { name: group, spec } of bounded) {
    const spans = spec.members.map((name) => ({ from: timeOf(asked, name), to: timeOf(there, name) }));
    // The most are under way when one of them begins.
    const busy = spans.map(({ from }) => spans.filter((other) => other.from <= from && from < other.to).length);
    assert.ok(Math.max(...busy) <= (spec.atOnce ?? 0), `${group}: ${Math.max(...busy)} at once`);
    assert.ok(Math.max(...busy) > 1, `${group}: one after the other`);
  }
}

/** No guest was asked to stop before all that wait for it were off, those that wait for a group that it is in too. */
export function inReverse({ graph, asked, there }: Went): void {
  for (const { name, after } of guestsIn(graph))
    for (const need of after.flatMap(({ at }) => guestsOf(graph, at)))
      assert.ok(timeOf(there, name) <= timeOf(asked, need), `${need} stopped before ${name} was off`);
}

/** The guest at a place, or those of the group there. Networks, routers and what is outside have none. */
function guestsOf(graph: Graph, at: number): string[] {
  const { name = '', spec } = graph.nodes[at] ?? {};
  if (spec?.kind === 'group') return spec.members.flatMap((each) => guestsOf(graph, graph.places.get(each) ?? -1));
  return spec?.kind === 'guest' ? [name] : [];
}

function timeOf(times: ReadonlyMap<string, number>, name: string): number {
  const found = times.get(name);
  assert.ok(found !== undefined, `nothing is known of ${name}`);
  return found;
}
