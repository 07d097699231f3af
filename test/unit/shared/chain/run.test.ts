import assert from 'node:assert/strict';
import { begin } from '#shared/chain/orders.ts';
import { fits, hasEnded, outstanding, watched } from '#shared/chain/run.ts';
import { graphOf } from '#test/unit/support/chains/notation.ts';
import { type Player, player } from '#test/unit/support/chains/player.ts';

const ids = (p: Player): string[] => outstanding(p.run).map(({ operation }) => operation.id);

describe('outstanding', () => {
  it('keeps the start of a node that is ready though it was never answered, and the run waits for it', () => {
    const p = player(graphOf('a'));
    p.at(0, 'a is down; up');
    assert.deepEqual(p.at(1_000, 'a is up'), ['a ready']);
    assert.deepEqual(ids(p), ['r/a/start/1']);
    assert.equal(p.why('a'), 'a waits for the answer to r/a/start/1, since 0 ms.');
    assert.deepEqual(p.at(2_000, 'a ok'), ['= done']);
    assert.deepEqual(ids(p), []);
  });
  it('keeps a stop of what went down by itself, and the run waits for its answer', () => {
    const p = player(graphOf('a'));
    p.at(0, 'a is up; down');
    assert.deepEqual(p.at(1_000, 'a is down'), ['a stopped']);
    assert.deepEqual(ids(p), ['r/a/stop/1']);
    assert.deepEqual(p.at(2_000, 'a no: it is off'), ['= done']);
  });
  it('never sends again a start of what is wanted down', () => {
    const p = player(graphOf('a', 'b <- a'));
    p.at(0, 'a is down; b is up; up');
    assert.deepEqual(ids(p), ['r/a/start/1']);
    p.at(1_000, 'down');
    assert.equal(p.node('a').phase, 'waiting');
    assert.deepEqual(ids(p), ['r/b/stop/1']);
  });
  it('never sends again a start of what has failed', () => {
    const p = player(graphOf('a : timeout 10s', 'b'));
    p.at(0, 'a is down; b is unknown; up');
    p.at(10_000);
    assert.equal(p.node('a').phase, 'failed');
    assert.deepEqual(ids(p), []);
  });
});

describe('hasEnded', () => {
  it('is so once there is an outcome, and nothing is kept', () => {
    const p = player(graphOf('a'));
    p.at(0, 'a is down; up');
    assert.ok(!hasEnded(p.run));
    p.at(1, 'a works');
    assert.ok(hasEnded(p.run));
  });
});

describe('fits', () => {
  it('tells whether a chain is the one that a run was made of', () => {
    const graph = graphOf('a', 'b <- a');
    const run = begin(graph, 'r', 'up', [], 0);
    assert.ok(fits(graph, run));
    assert.ok(!fits(graphOf('a', 'c <- a'), run));
    assert.ok(!fits(graphOf('a'), run));
    assert.ok(!fits(graphOf('b', 'a <- b'), run));
  });
});

describe('watched', () => {
  it('is what is on its way up or is there, and has to answer', () => {
    const graph = graphOf('a : answers', 'b <- a : answers', 'c : hold');
    const p = player(graph);
    p.at(0, 'a b c are down; up');
    assert.deepEqual(
      watched(graph, p.run).map(({ name }) => name),
      ['a'],
    );
    p.at(1_000, 'a works; a answers');
    assert.deepEqual(
      watched(graph, p.run).map(({ name }) => name),
      ['a', 'b'],
    );
    p.at(2_000, 'down');
    assert.deepEqual(watched(graph, p.run), []);
  });
});
