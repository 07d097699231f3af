import assert from 'node:assert/strict';
import { advance } from '#shared/chain/engine.ts';
import { explain, sayWait } from '#shared/chain/explain.ts';
import { begin } from '#shared/chain/orders.ts';
import { Failure } from '#shared/errors.ts';
import { graphOf } from '#test/unit/support/chains/notation.ts';
import { player } from '#test/unit/support/chains/player.ts';

describe('explain', () => {
  it('refuses a node that is not there, with what may have been meant', () => {
    const p = player(graphOf('venti'));
    p.at(0, 'venti is down; up');
    assert.throws(
      () => p.why('vent'),
      (error: unknown) => error instanceof Failure && JSON.stringify(error).includes('chain-node-unknown'),
    );
  });
  it('says of a node what became of it', () => {
    const p = player(graphOf('a : on-failure continue', 'b', 'c'));
    p.at(0, 'a b c are down; up a b');
    p.at(5_000, 'a no: no disk; b works');
    assert.equal(p.why('a'), 'a is failed since 0 ms: no disk.');
    assert.equal(p.why('b'), 'b is ready since 0 ms.');
    assert.equal(p.why('c'), 'c is not part of this run.');
  });
  it('says what it waits for, since when, for how long at most, and what went wrong before', () => {
    const wait = { node: 'a', why: 'retry', on: [], since: 1_000, until: 9_000, note: 'no memory' } as const;
    assert.equal(
      sayWait(wait, 3_000),
      'waits before it is tried again, since 2 s, for at most 6 s more; before this: no memory.',
    );
    assert.equal(sayWait({ ...wait, note: undefined }, 9_000), 'waits before it is tried again, since 8 s.');
  });
  it('says whether it is held itself, or its group', () => {
    const held = (on: readonly string[]) => sayWait({ node: 'a', why: 'hold', on, since: 0 }, 0);
    assert.equal(held(['a']), 'waits to be released, since 0 ms.');
    assert.equal(held(['g']), 'waits until g is released, since 0 ms.');
    assert.equal(held(['a', 'g']), 'waits to be released, and until g is released, since 0 ms.');
  });
  it('says why nothing is known of what it waits for', () => {
    const wait = { node: 'a', why: 'host', on: ['host1'], since: 0 } as const;
    assert.equal(
      sayWait({ ...wait, unknown: 'the hypervisor of host1 does not answer' }, 0),
      'waits to hear of it again: the hypervisor of host1 does not answer, which does not mean that it is down, since 0 ms.',
    );
    const graph = graphOf('a');
    const run = begin(graph, 'r', 'up', [], 0);
    const nodes = new Map([['a', { state: 'unknown', why: 'host1 is not heard' } as const]]);
    const step = advance(graph, run, { nodes, outcomes: new Map() }, 0);
    assert.match(explain(graph, step, 'a', 0), /hear of it again: host1 is not heard, which/);
  });
  it('names five, and how many more', () => {
    const on = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    assert.equal(
      sayWait({ node: 'x', why: 'after', on, since: 0 }, 0),
      'waits for a, b, c, d, e and 2 more to be there, since 0 ms.',
    );
  });
});
