import assert from 'node:assert/strict';
import { compile } from '#shared/chain/compile.ts';
import { begin } from '#shared/chain/orders.ts';
import { type Asked, plan } from '#shared/chain/plan.ts';
import { planLines } from '#shared/chain/plan-text.ts';
import type { Fact } from '#shared/chain/run.ts';
import { chainOf, type NodeInput } from '#test/unit/support/chains.ts';

const GRID: Record<string, NodeInput> = {
  venti: { host: 'host1' },
  fossil: { host: 'host1', after: ['venti'], hold: true },
  cpu1: { host: 'host2', after: ['fossil'] },
  cpu2: { host: 'host2', after: ['fossil'] },
};
const linesOf = (nodes: Record<string, NodeInput>, asked: Partial<Asked> = {}): string[] => {
  const graph = compile(chainOf(nodes));
  const facts = new Map<string, Fact>(graph.nodes.map(({ name }) => [name, { state: 'down' }]));
  return planLines(plan(graph, { goal: 'up', part: [], facts, history: new Map(), others: [], now: 0, ...asked }));
};
const all = (state: Fact['state'], names: readonly string[]) =>
  new Map(names.map((name): [string, Fact] => [name, { state }]));

describe('a plan for people', () => {
  it('has a line for each wave and for each thing in the way', () => {
    const history = new Map(['venti', 'fossil', 'cpu1', 'cpu2'].map((name) => [name, { startMs: 10_000 }]));
    const facts = new Map<string, Fact>([...all('down', ['fossil']), ...all('up', ['venti'])]);
    const other = begin(compile(chainOf(GRID)), 'run-7', 'down', ['cpu1'], 0);
    assert.deepEqual(linesOf(GRID, { history, facts, others: [other] }), [
      'chain up site: 3 nodes in 2 waves, about 20 s.',
      '1. fossil',
      '2. cpu1, cpu2',
      'Longest way: fossil → cpu1.',
      'Up already: venti.',
      'Held until released: fossil.',
      'Waits until host2 is heard of: cpu1, cpu2.',
      'Refused: the run run-7 is taking cpu1 down.',
    ]);
  });

  it('says how much is known of the time', () => {
    assert.match(linesOf(GRID)[0] ?? '', /4 nodes in 3 waves, for how long is not known yet\.$/);
    const history = new Map([['venti', { startMs: 90_000 }]]);
    assert.match(
      linesOf(GRID, { history })[0] ?? '',
      /at least 1 min 30 s, since it is not known how long fossil, cpu1, cpu2 will take\.$/,
    );
    const web: NodeInput = { kind: 'group', members: ['a', 'b'], 'at-once': 1 };
    const both = new Map(['a', 'b'].map((name) => [name, { startMs: 10_000 }]));
    assert.match(linesOf({ a: {}, b: {}, web }, { history: both })[0] ?? '', /about 20 s \(10 s if no group bounded/);
  });

  it('says that there is nothing to do', () => {
    assert.deepEqual(linesOf(GRID, { goal: 'down' }), [
      'chain down site: there is nothing to do.',
      'Down already: cpu2, cpu1, fossil, venti.',
    ]);
  });

  it('shortens what is long', () => {
    const long = Object.fromEntries(
      Array.from({ length: 20 }, (_, at) => [`n${at}`, at > 0 ? { after: [`n${at - 1}`] } : {}]),
    );
    assert.ok(linesOf(long).includes('Longest way: n0 → n1 → n2 → n3 → 12 more → n16 → n17 → n18 → n19.'));
    const wide = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`n${at}`, {}]));
    assert.ok(linesOf(wide).includes('1. n0, n1, n2, n3, n4, n5, n6, n7 and 12 more'));
  });
});
