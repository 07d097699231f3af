import assert from 'node:assert/strict';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { readChain } from '#shared/chain/chain-file.ts';
import { namesWrong } from '#shared/chain/chain-names.ts';
import { wholeOf } from '#shared/chain/chain-part.ts';
import { Failure } from '#shared/errors.ts';
import { chainOf, type NodeInput, someChain } from '#test/unit/support/chains.ts';

const wrongIn = (nodes: Record<string, NodeInput>): string[] =>
  namesWrong(wholeOf(chainOf(nodes))).map(({ path, text }) => `${path.join('.')}: ${text}`);
const group = (members: string[], more: NodeInput = {}): NodeInput => ({ kind: 'group', members, ...more });

describe('names in a chain', () => {
  it('are known, named once, and not those of the node itself', () => {
    assert.deepEqual(wrongIn({ a: { after: ['b', 'b', 'c', 'a'] }, b: {} }), [
      'nodes.a.after.1: b is named twice',
      'nodes.a.after.2: there is no node c.',
      'nodes.a.after.3: a names itself: a → a',
    ]);
    assert.deepEqual(wrongIn({ g: group(['a', 'x', 'g']), a: {} }), [
      'nodes.g.members.1: there is no node x.',
      'nodes.g.members.2: g names itself: g → g',
    ]);
  });

  it('are in one group at most', () => {
    assert.deepEqual(wrongIn({ a: {}, g: group(['a']), h: group(['a']) }), [
      'nodes.g.members.0: a is in the group h too; one is allowed',
    ]);
  });

  it('are in groups up to 16 deep', () => {
    const nested = (depth: number): Record<string, NodeInput> => ({
      n0: {},
      ...Object.fromEntries(Array.from({ length: depth }, (_, at) => [`n${at + 1}`, group([`n${at}`])])),
    });
    assert.deepEqual(wrongIn(nested(16)), []);
    assert.deepEqual(wrongIn(nested(17)), ['nodes.n0: it is in groups more than 16 deep']);
  });

  it('wait for so many in all that a graph of them can be made', () => {
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`n${at}`, {}]));
    const before = Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`before${at}`, {}]));
    const wrongFor = (count: number): string[] =>
      wrongIn({ ...many(count), ...before, g: group(Object.keys(many(count)), { after: Object.keys(before) }) });
    assert.deepEqual(wrongFor(10), []);
    assert.deepEqual(wrongFor(2_000), ['nodes: its nodes wait for 2003000 others in all; 2000000 are the most']);
  });

  it('wait for each other in a cycle, which is told with where each wait is from', () => {
    const cycle = (text: string): string => `these wait for each other: ${text}`;
    assert.deepEqual(wrongIn({ a: { after: ['c', 'b'] }, b: { after: ['a'] }, c: {} }), [
      `nodes.a.after.1: ${cycle('a → b → a')}`,
    ]);
    assert.deepEqual(wrongIn({ a: { after: ['g'] }, g: group(['a']) }), [`nodes.a.after.0: ${cycle('a → g → a')}`]);
    assert.deepEqual(wrongIn({ a: {}, db: { after: ['a'] }, g: group(['a'], { after: ['db'] }) }), [
      `nodes.g.after.0: ${cycle('a → db (since its group g does) → a')}`,
    ]);
    assert.deepEqual(wrongIn({ a: {}, g: group(['a'], { after: ['a'] }) }), [
      `nodes.g.after.0: ${cycle('a → a (since its group g does)')}`,
    ]);
    assert.deepEqual(wrongIn({ a: {}, g: group(['a', 'h']), h: group(['g']) }), [
      `nodes.g.members.1: ${cycle('g → h → g')}`,
    ]);
  });

  it('wait for each other in several cycles, which are told at once and beside other errors', () => {
    assert.deepEqual(
      wrongIn({ a: { after: ['b'] }, b: { after: ['a'] }, c: { after: ['d'] }, d: { after: ['c', 'x'] } }),
      [
        'nodes.d.after.1: there is no node x.',
        'nodes.a.after.0: these wait for each other: a → b → a',
        'nodes.c.after.0: these wait for each other: c → d → c',
      ],
    );
  });

  it('are right in every chain that has no cycle by how it was made', () => {
    fc.assert(
      fc.property(someChain(), (input) => {
        assert.deepEqual(wrongIn(input.nodes), []);
      }),
    );
  });

  it('make a cycle when the last is made to wait for the first, told at line and column', () => {
    const ring = fc.integer({ min: 2, max: 30 }).chain((count) =>
      fc.shuffledSubarray(
        Array.from({ length: count }, (_, at) => at),
        { minLength: count },
      ),
    );
    fc.assert(
      fc.property(ring, (order) => {
        const nodes = Object.fromEntries(order.map((name, at) => [`n${name}`, { after: [`n${order.at(at - 1)}`] }]));
        const text = stringify({ chain: 'ring', nodes });
        const way = order.map((name) => `n${name}`).toReversed();
        assert.throws(
          () => readChain(text),
          (error) => {
            assert.ok(error instanceof Failure);
            const told = /^\d+:\d+: nodes\.(n\d+)\.after\.0: these wait for each other: (.*)$/.exec(
              String(error.details.problem),
            );
            const names = told?.[2]?.split(' → ') ?? [];
            const from = way.indexOf(names[0] ?? '');
            assert.deepEqual(names, [...way.slice(from), ...way.slice(0, from), way[from]]);
            return true;
          },
        );
      }),
    );
  });
});
