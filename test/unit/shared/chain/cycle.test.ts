import assert from 'node:assert/strict';
import fc from 'fast-check';
import { cyclesIn } from '#shared/chain/cycle.ts';

type Edges = Map<string, { name: string }[]>;
const edgesOf = (text: string): Edges =>
  new Map(
    text.split('; ').map((line) => {
      const [name = '', ...after] = line.split(' ');
      return [name, after.map((each) => ({ name: each }))];
    }),
  );
const graph = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.array(fc.tuple(fc.nat(11), fc.nat(11)), { maxLength: 30 }))
  .map(([count, pairs]): Edges => {
    const edges: Edges = new Map(Array.from({ length: count }, (_, at) => [`n${at}`, []]));
    for (const [from, to] of pairs) edges.get(`n${from % count}`)?.push({ name: `n${to % count}` });
    return edges;
  });

/** Whether there is a cycle, by taking away again and again what waits for nothing. */
function isKnotted(edges: Edges): boolean {
  const left = new Map([...edges].map(([name, after]) => [name, new Set(after.map((edge) => edge.name))]));
  for (let free = [...left].find(([, after]) => after.size === 0); free; ) {
    left.delete(free[0]);
    for (const after of left.values()) after.delete(free[0]);
    free = [...left].find(([, after]) => after.size === 0);
  }
  return left.size > 0;
}

describe('cycles in a graph', () => {
  it('are told as a path that ends where it begins', () => {
    assert.deepEqual(cyclesIn(edgesOf('a b; b c; c a')), [['a', 'b', 'c', 'a']]);
    assert.deepEqual(cyclesIn(edgesOf('x a; a b; b a')), [['a', 'b', 'a']]);
    assert.deepEqual(cyclesIn(edgesOf('a a')), [['a', 'a']]);
  });

  it('are all told that share no node', () => {
    assert.deepEqual(cyclesIn(edgesOf('a b; b a; c d a; d c')), [
      ['a', 'b', 'a'],
      ['c', 'd', 'c'],
    ]);
    assert.deepEqual(cyclesIn(edgesOf('a b; b c a; c b')), [['b', 'c', 'b']]);
  });

  it('are not seen where there are none, or where a name leads nowhere', () => {
    assert.deepEqual(cyclesIn(edgesOf('a b c; b c; c')), []);
    assert.deepEqual(cyclesIn(edgesOf('a nowhere')), []);
  });

  it('are found in a way of 200,000 nodes', () => {
    const deep: Edges = new Map(
      Array.from({ length: 200_000 }, (_, at) => [`n${at}`, [{ name: `n${(at + 1) % 200_000}` }]]),
    );
    assert.equal(cyclesIn(deep)[0]?.length, 200_001);
  });

  it('are cycles of that very graph, with no node in two, and found when there are any', () => {
    fc.assert(
      fc.property(graph, (edges) => {
        const cycles = cyclesIn(edges);
        assert.equal(cycles.length > 0, isKnotted(edges));
        for (const cycle of cycles) {
          assert.equal(cycle[0], cycle.at(-1));
          cycle.slice(1).forEach((to, at) => {
            assert.ok(
              edges.get(cycle[at] as string)?.some(({ name }) => name === to),
              `${cycle[at]} → ${to}`,
            );
          });
        }
        const all = cycles.flatMap((cycle) => cycle.slice(1));
        assert.equal(new Set(all).size, all.length);
      }),
      { numRuns: 2_000 },
    );
  });
});
