import assert from 'node:assert/strict';
import type { Graph } from '#shared/chain/compile.ts';
import { ChainNode } from '#shared/model/chain.ts';
import { graphOf } from '#test/unit/support/chains/notation.ts';

const names = (graph: Graph, places: readonly number[]): string => places.map((at) => graph.nodes[at]?.name).join(' ');
const nodeOf = (graph: Graph, name: string) => graph.nodes[graph.places.get(name) ?? -1];

describe('the edges of a graph', () => {
  it('puts each node behind all that it waits for', () => {
    const graph = graphOf('c <- b', 'b <- a', 'a');
    assert.equal(graph.nodes.map(({ name }) => name).join(' '), 'a b c');
    assert.deepEqual([...graph.places.values()], [0, 1, 2]);
  });
  it('tells who waits for a node, and who cannot be without it', () => {
    const graph = graphOf('a', 'b <- a', 'c <- a(soft)', 'd <- a(started)');
    assert.equal(names(graph, nodeOf(graph, 'a')?.before ?? []), 'b c d');
    assert.equal(names(graph, nodeOf(graph, 'a')?.hardBefore ?? []), 'b d');
  });
  it('has a group wait for its members, and these for what their groups wait for; the strongest counts', () => {
    const graph = graphOf('x', 'a', 'b <- x(soft)', 'i = a b : at-once 1', 'o = i <- x');
    const waitsFor = (name: string): string =>
      (nodeOf(graph, name)?.after ?? []).map(({ at, need }) => `${graph.nodes[at]?.name} ${need}`).join(', ');
    assert.equal(waitsFor('a'), 'x hard');
    assert.equal(waitsFor('b'), 'x hard');
    assert.equal(waitsFor('i'), 'a hard, b hard, x hard');
    assert.equal(waitsFor('o'), 'i hard, x hard');
    assert.equal(names(graph, nodeOf(graph, 'a')?.groups ?? []), 'i o');
    assert.equal(names(graph, nodeOf(graph, 'a')?.bounds ?? []), 'i', 'only groups with a bound');
  });
});

describe('keep in a chain file', () => {
  const keepOf = (keep: unknown) => ChainNode.parse({ keep }).keep;
  it('is off unless it is said, and has limits', () => {
    assert.equal(ChainNode.parse({}).keep, undefined);
    assert.equal(keepOf(false), undefined);
    assert.deepEqual(keepOf(true), { most: 5, withinMs: 600_000, bounce: 'none' });
    assert.deepEqual(keepOf({ most: 2 }), { most: 2, withinMs: 600_000, bounce: 'none' });
    assert.deepEqual(keepOf({ within: '1h', bounce: 'dependents' }), {
      most: 5,
      withinMs: 3_600_000,
      bounce: 'dependents',
    });
  });
  it('refuses what it does not know', () => {
    for (const keep of ['yes', { most: 0 }, { within: '10' }, { bounce: 'all' }, { often: 3 }])
      assert.throws(() => keepOf(keep), JSON.stringify(keep));
  });
});
