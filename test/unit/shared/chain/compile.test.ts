import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compile, edgeCount, edgesOf, type Graph, groupOf, groupsAround } from '#shared/chain/compile.ts';
import { Chain } from '#shared/model/chain.ts';
import { chainOf, type NodeInput, someChain } from '#test/unit/support/chains.ts';

const graphOf = (nodes: Record<string, NodeInput>): Graph => compile(chainOf(nodes));
/** What each node waits for, as words: `b: a ready hard`. */
const waitsIn = (graph: Graph): string[] =>
  graph.nodes.map(({ name, after }) =>
    [`${name}:`, ...after.map(({ at, until, need }) => `${graph.nodes[at]?.name} ${until} ${need}`)].join(' '),
  );
const group = (members: string[], more: NodeInput = {}): NodeInput => ({ kind: 'group', members, ...more });

describe('a compiled chain', () => {
  it('has each node behind what it names', () => {
    const graph = graphOf({
      c: { after: ['b', { name: 'a', until: 'started', need: 'soft' }] },
      b: { after: ['a'] },
      a: {},
    });
    assert.deepEqual(waitsIn(graph), ['a:', 'b: a ready hard', 'c: b ready hard a started soft']);
    assert.deepEqual(
      graph.nodes.map(({ before }) => before),
      [[1, 2], [2], []],
    );
    assert.deepEqual(
      [...graph.places],
      [
        ['a', 0],
        ['b', 1],
        ['c', 2],
      ],
    );
  });

  it('has a group wait for its members, and its members for what it waits for', () => {
    const graph = graphOf({ g: group(['a', 'b'], { after: ['san'] }), a: {}, b: { after: ['a'] }, san: {} });
    assert.deepEqual(waitsIn(graph), [
      'san:',
      'a: san ready hard',
      'b: a ready hard san ready hard',
      'g: a ready hard b ready hard san ready hard',
    ]);
  });

  it('has a node in groups in groups wait for all that they wait for', () => {
    const graph = graphOf({
      outer: group(['inner'], { after: ['power'] }),
      inner: group(['a'], { after: ['san'] }),
      a: {},
      power: {},
      san: {},
    });
    assert.deepEqual(
      waitsIn(graph).find((line) => line.startsWith('a:')),
      'a: san ready hard power ready hard',
    );
  });

  it('takes the strongest of two edges to the same node', () => {
    const soft = { name: 'san', until: 'started', need: 'soft' } as const;
    const graph = graphOf({ g: group(['a'], { after: ['san'] }), a: { after: [soft] }, san: {} });
    assert.equal(waitsIn(graph)[1], 'a: san ready hard');
  });

  it('says which groups bound a node, innermost first, and leaves out those that bound nothing', () => {
    const graph = graphOf({
      top: group(['mid'], { 'at-once': 9 }),
      mid: group(['low']),
      low: group(['a'], { 'at-once': 2 }),
      a: {},
    });
    const bounds = graph.nodes[graph.places.get('a') as number]?.bounds ?? [];
    assert.deepEqual(
      bounds.map((at) => graph.nodes[at]?.name),
      ['low', 'top'],
    );
  });

  it('ends for groups that are in themselves', () => {
    const chain = chainOf({ g: group(['h']), h: group(['g']) });
    assert.deepEqual(groupsAround('g', groupOf(chain)), ['h', 'g']);
    assert.equal(edgesOf(chain).size, 2);
  });

  it('counts at least as many edges as there will be', () => {
    fc.assert(
      fc.property(someChain(), (input) => {
        const chain = Chain.parse(input);
        const edges = [...edgesOf(chain).values()].flat();
        assert.ok(edgeCount(chain) >= edges.length);
      }),
    );
  });

  it('has every node once, behind all that it waits for, and knows both ends of each edge', () => {
    fc.assert(
      fc.property(someChain(20), (input) => {
        const graph = compile(Chain.parse(input));
        assert.deepEqual(graph.nodes.map(({ name }) => name).toSorted(), Object.keys(input.nodes).toSorted());
        graph.nodes.forEach(({ name, after, before, bounds }, at) => {
          assert.equal(graph.places.get(name), at);
          for (const edge of after) assert.ok(edge.at < at && graph.nodes[edge.at]?.before.includes(at));
          for (const next of before) assert.ok(graph.nodes[next]?.after.some((edge) => edge.at === at));
          for (const bound of bounds) assert.ok(graph.nodes[bound]?.spec.atOnce !== undefined);
          for (const edge of input.nodes[name]?.after ?? []) {
            const named = typeof edge === 'string' ? edge : edge.name;
            assert.ok(after.some((each) => graph.nodes[each.at]?.name === named));
          }
        });
      }),
    );
  });
});
