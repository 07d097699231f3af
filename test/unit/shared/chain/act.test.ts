import assert from 'node:assert/strict';
import { graphOf } from '#test/unit/support/chains/notation.ts';
import { player } from '#test/unit/support/chains/player.ts';

describe('takeDown', () => {
  it('stops what comes up again by itself, and gives up after five stops', () => {
    // A guest like this was started many times before: starts must not count.
    const p = player(graphOf('a : retries 9 1s', 'b', 'a2 <- a'));
    p.at(0, 'a a2 is down; b is up; up');
    for (let n = 0; n < 6; n++) {
      p.at(n * 2_000, 'a no');
      p.at(n * 2_000 + 1_999);
      p.at(600_000 * (n + 1));
    }
    assert.ok(p.node('a').attempt > 5, 'many starts');
    p.at(9e6, 'b is unknown; down');
    p.at(9e6 + 1, 'a works');
    assert.equal(p.node('a').phase, 'stopped');
    for (let stops = 1; stops < 5; stops++) {
      assert.deepEqual(p.at(9e6 + stops * 10, 'a is up'), ['a stopping !stop'], `stop ${stops + 1}`);
      assert.deepEqual(p.at(9e6 + stops * 10 + 1, 'a works'), ['a stopped']);
    }
    assert.deepEqual(p.at(9e6 + 100, 'a is up'), ['a failed (it came up again 5 times after it was stopped)']);
  });
  it('does not end a run as done while something is up', () => {
    const p = player(graphOf('a', 'b'));
    p.at(0, 'a is up; b is unknown; down');
    p.at(1, 'a works');
    p.at(2, 'a is up');
    assert.equal(p.node('a').phase, 'stopping');
  });
  it('waits for those that need it softly, and goes on when they fail', () => {
    const p = player(graphOf('a', 'b <- a(soft) : stop-then fail', 'c <- a : stop-then fail'));
    p.at(0, 'a b c are up; down');
    assert.equal(p.node('a').phase, 'waiting');
    p.at(1, 'b no');
    assert.equal(p.node('a').phase, 'waiting');
    assert.deepEqual(p.at(2, 'c works'), ['a stopping !stop', 'c stopped']);
  });
  it('leaves up what somebody needs who did not stop', () => {
    const p = player(graphOf('a', 'b <- a : stop-then fail'));
    p.at(0, 'a b are up; down');
    assert.deepEqual(p.at(1, 'b no: no power button'), [
      'a blocked (b did not stop)',
      'b failed (no power button)',
      '= failed',
    ]);
  });
});

describe('bringUp', () => {
  it('takes a group for there only while its members are', () => {
    const p = player(graphOf('a : retries 5', 'b', 'g = a b', 'c <- g x', 'x'));
    p.at(0, 'a b x c are down; up');
    p.at(1, 'a b works');
    assert.equal(p.node('g').phase, 'ready');
    p.at(2, 'a is down; x works');
    assert.equal(p.node('g').phase, 'waiting');
    assert.equal(p.node('c').phase, 'waiting', 'c needs all of g');
    p.at(6_000);
    assert.deepEqual(p.at(7_000, 'a works'), ['a ready', 'g ready', 'c starting !start']);
  });
  it('holds the members of a group that is held', () => {
    const p = player(graphOf('a', 'g = a : hold'));
    p.at(0, 'a is down; up');
    assert.equal(p.why('a'), 'a waits until g is released, since 0 ms.');
    assert.deepEqual(p.at(5, 'release g'), ['a starting !start']);
  });
  it('does not adopt what a stop without an answer may yet take down', () => {
    const p = player(graphOf('a : stop-timeout 1s, stop-then fail'));
    p.at(0, 'a is up; down');
    p.at(1_000);
    assert.deepEqual(p.at(1_001, 'up'), ['a starting !start over stop 1', '= goes on']);
  });
  it('says of what was ready that it is not now, while others wait for it', () => {
    const p = player(graphOf('a : answers 1 5s', 'b <- a : hold'));
    p.at(0, 'a b are down; up');
    p.at(1_000, 'a works; a answers');
    p.at(9_000, 'release b');
    assert.equal(p.why('b'), 'b waits for a to be there, since 9 s.');
    assert.equal(p.why('a'), 'a waits to be there again: it was ready, and is not now, since 8 s.');
  });
});
