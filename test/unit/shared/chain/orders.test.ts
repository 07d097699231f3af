import assert from 'node:assert/strict';
import { begin, cancel, conflicts, redirect } from '#shared/chain/orders.ts';
import { hasEnded, outstanding } from '#shared/chain/run.ts';
import { graphOf } from '#test/unit/support/chains/notation.ts';
import { player } from '#test/unit/support/chains/player.ts';

const wants = (run: { nodes: readonly { name: string; want: string }[] }): string =>
  run.nodes.map(({ name, want }) => `${name} ${want}`).join(', ');

describe('begin', () => {
  const graph = graphOf('a', 'b <- a', 'c <- b(soft)', 'd', 'g = d e', 'e');
  it('takes along up all that the part waits for, softly too', () => {
    assert.equal(wants(begin(graph, 'r', 'up', ['c'], 0)), 'a up, d none, e none, b up, g none, c up');
  });
  it('takes along down what cannot be without the part, and leaves what can', () => {
    assert.equal(wants(begin(graph, 'r', 'down', ['a'], 0)), 'a down, d none, e none, b down, g none, c none');
  });
  it('takes the members of a group down with it, and the group with a member', () => {
    assert.equal(wants(begin(graph, 'r', 'down', ['g'], 0)), 'a none, d down, e down, b none, g down, c none');
    assert.equal(wants(begin(graph, 'r', 'down', ['e'], 0)), 'a none, d down, e down, b none, g down, c none');
  });
  it('refuses a part that is not there, with what may have been meant', () => {
    const big = graphOf('venti', 'fossil');
    assert.throws(() => begin(big, 'r', 'up', ['vent'], 0), /chain-node-unknown|venti/);
  });
  it('takes time in proportion to a group, not to its square', () => {
    const members = Array.from({ length: 20_000 }, (_, at) => `m${at}`);
    const huge = graphOf(...members, `g = ${members.join(' ')}`);
    let reads = 0;
    const after = huge.nodes.at(-1)?.after ?? [];
    const counted = new Proxy(after, {
      get: (target, key) => {
        if (/^\d+$/.test(String(key))) reads++;
        return Reflect.get(target, key);
      },
    });
    const nodes = huge.nodes.map((node) => (node.name === 'g' ? { ...node, after: counted } : node));
    const run = begin({ ...huge, nodes }, 'r', 'down', ['m1'], 0);
    assert.ok(run.nodes.every(({ want }) => want === 'down'));
    assert.ok(reads <= members.length, `${reads} edges were looked at`);
  });
});

describe('redirect', () => {
  it('starts a node again whose stop had failed', () => {
    const p = player(graphOf('a : stop-timeout 5s, stop-then fail'));
    p.at(0, 'a is up; down');
    assert.deepEqual(p.at(5_000), ['a failed (it did not stop within 5 s)', '= failed']);
    assert.deepEqual(p.at(6_000, 'up'), ['a starting !start over stop 1', '= goes on']);
    assert.deepEqual(p.at(7_000, 'a ok'), ['a ready', '= done']);
  });
  it('stops a node once more whose stop had failed', () => {
    const p = player(graphOf('a : stop-then fail'));
    p.at(0, 'a is up; down');
    p.at(1_000, 'a no: it is busy');
    assert.equal(p.run.outcome, 'failed');
    assert.deepEqual(p.at(2_000, 'down'), ['a stopping !stop', '= goes on']);
  });
  it('lets a stop that is under way end, and starts the node then', () => {
    const p = player(graphOf('a'));
    p.at(0, 'a is up; down');
    assert.deepEqual(p.at(1_000, 'up'), ['a stopping']);
    assert.deepEqual(p.at(2_000, 'a works'), ['a starting !start']);
  });
  it('down supersedes a start that is not answered, though the node is down', () => {
    const p = player(graphOf('a'));
    p.at(0, 'a is down; up');
    assert.deepEqual(p.at(1_000, 'down'), ['a stopping !stop over start 1']);
    assert.deepEqual(p.at(2_000, 'a is down'), [], 'that it is down is not enough');
    assert.deepEqual(p.at(3_000, 'a ok'), ['a stopped', '= done']);
  });
  it('down stops what was started and has not been seen up yet', () => {
    const p = player(graphOf('a'));
    p.at(0, 'a is down; up');
    p.at(1_000, 'a ok');
    assert.deepEqual(p.at(2_000, 'down'), ['a stopping !stop']);
  });
  it('up supersedes a stop that is not answered, though the node is down', () => {
    const p = player(graphOf('a'));
    p.at(0, 'a is up; down');
    assert.deepEqual(p.at(1_000, 'a is down'), ['a stopped']);
    assert.deepEqual(p.at(2_000, 'up'), ['a starting !start over stop 1']);
    assert.deepEqual(p.at(3_000, 'a is up'), [], 'it may have been up all the time');
    assert.deepEqual(p.at(4_000, 'a ok'), ['a ready', '= done']);
  });
});

describe('cancel', () => {
  it('leaves what is under way, and says that it may still take effect', () => {
    const p = player(graphOf('a', 'b <- a'));
    p.at(0, 'a b are down; up');
    const run = cancel(p.run, 1_000);
    assert.deepEqual(
      run.nodes.map(({ phase, note }) => `${phase}: ${note}`),
      ['left: its start was under way and may still take effect', 'left: as it was'],
    );
    assert.equal(run.outcome, 'cancelled');
    assert.deepEqual(outstanding(run), []);
    assert.equal(cancel(run, 2_000), run);
  });
  it('ends a watch, and the run stays done', () => {
    const p = player(graphOf('a : keep'));
    p.at(0, 'a is up; up');
    assert.ok(!hasEnded(p.run));
    const run = cancel(p.run, 1_000);
    assert.ok(hasEnded(run));
    assert.equal(run.outcome, 'done');
  });
});

describe('conflicts', () => {
  const graph = graphOf('a', 'b <- a', 'c : keep');
  const up = begin(graph, 'r', 'up', ['b'], 0);
  it('are the nodes wanted up here and down there', () => {
    assert.deepEqual(conflicts(up, begin(graph, 's', 'down', ['b'], 0)), ['b']);
    assert.deepEqual(conflicts(up, begin(graph, 's', 'up', ['b'], 0)), []);
    assert.deepEqual(conflicts(up, begin(graph, 's', 'down', ['c'], 0)), []);
  });
  it('are none with a run that is over, and some with one that watches', () => {
    const down = begin(graph, 's', 'down', ['b'], 0);
    assert.deepEqual(conflicts({ ...up, outcome: 'done' }, down), []);
    assert.deepEqual(conflicts({ ...up, outcome: 'done', watching: true }, down), ['b']);
    assert.deepEqual(conflicts(up, redirect(graph, down, 'up', ['b'], 1)), []);
  });
});
