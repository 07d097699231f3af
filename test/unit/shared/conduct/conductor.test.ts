import assert from 'node:assert/strict';
import { begin, cancel, redirect } from '#shared/chain/orders.ts';
import type { Action, Fact, Run } from '#shared/chain/run.ts';
import { type Conductor, conductor, type Ended } from '#shared/conduct/conductor.ts';
import { graphOf } from '#test/unit/support/chains/notation.ts';
import { manualClock } from '#test/unit/support/manual-clock.ts';

interface Begun {
  action: Action;
  signal: AbortSignal;
  end(ended: Ended): void;
}

/** All that waits is done when the engine has nothing more to do at this time. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 30; turn++) await Promise.resolve();
};

function scene(lines: readonly string[]) {
  const graph = graphOf(...lines);
  const clock = manualClock();
  const facts = new Map<string, Fact>(graph.nodes.map(({ name }) => [name, { state: 'down' }]));
  const begun: Begun[] = [];
  const kept: Run[] = [];
  const told: string[] = [];
  const bugs: unknown[] = [];
  const disk = { isFull: false };
  let run = begin(graph, 'r', 'up', [], clock.now());
  const conduct = (): Conductor => {
    const conducted = conductor({
      graph,
      run,
      clock,
      facts: () => facts,
      keep: async (next) => {
        await Promise.resolve();
        if (disk.isFull) throw new Error('no room');
        kept.push(next);
        run = next;
      },
      carryOut: (action, signal) => {
        const { promise, resolve, reject } = Promise.withResolvers<Ended>();
        assert.ok(
          kept.some(({ nodes }) => nodes.some(({ operation }) => operation?.id === action.operation.id)),
          `${action.operation.id} is on the disk before it begins`,
        );
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        begun.push({ action, signal, end: resolve });
        return promise;
      },
      stepped: (_before, { run: now }) => told.push(now.outcome ?? now.nodes.map(({ phase }) => phase).join(' ')),
      onBug: (error) => bugs.push(error),
    });
    conducted.start();
    return conducted;
  };
  const idsOf = (): string[] => begun.map(({ action }) => action.operation.id);
  return { graph, clock, facts, begun, kept, told, bugs, disk, conduct, idsOf };
}

describe('the conductor of a run', () => {
  it('keeps each step before it begins what it asks for, and goes on with what is told', async () => {
    const { conduct, facts, begun, told, idsOf } = scene(['a', 'b <- a']);
    const conducted = conduct();
    await settle();
    assert.deepEqual(idsOf(), ['r/a/start/1']);
    facts.set('a', { state: 'up' });
    begun[0]?.end({ ok: true });
    await settle();
    assert.deepEqual(idsOf(), ['r/a/start/1', 'r/b/start/1']);
    facts.set('b', { state: 'up' });
    begun[1]?.end({ ok: true });
    await settle();
    assert.equal(conducted.run.outcome, 'done');
    assert.equal(told.at(-1), 'done');
  });

  it('begins again what was not answered, under the same id, after a crash', async () => {
    const { conduct, idsOf, facts, begun } = scene(['a', 'b <- a']);
    conduct().stop();
    await settle();
    const first = conduct();
    await settle();
    first.stop();
    const second = conduct();
    await settle();
    assert.deepEqual([...new Set(idsOf())], ['r/a/start/1']);
    facts.set('a', { state: 'up' });
    begun.at(-1)?.end({ ok: true });
    await settle();
    assert.equal(idsOf().at(-1), 'r/b/start/1');
    second.stop();
  });

  it('does nothing that it cannot keep, and tries again', async () => {
    const { conduct, disk, clock, idsOf, bugs } = scene(['a']);
    disk.isFull = true;
    const conducted = conduct();
    await settle();
    assert.deepEqual(idsOf(), []);
    assert.equal(bugs.length, 1);
    disk.isFull = false;
    clock.advance(10_000);
    await settle();
    assert.deepEqual(idsOf(), ['r/a/start/1']);
    conducted.stop();
  });

  it('gives up what a stop takes the place of, and waits for the stop', async () => {
    const { conduct, graph, begun, facts, clock, idsOf } = scene(['a']);
    const conducted = conduct();
    await settle();
    facts.set('a', { state: 'up' });
    await conducted.order((run) => redirect(graph, run, 'down', [], clock.now()));
    await settle();
    assert.deepEqual(idsOf(), ['r/a/start/1', 'r/a/stop/2']);
    assert.ok(begun[0]?.signal.aborted);
    facts.set('a', { state: 'down' });
    begun[1]?.end({ ok: true });
    await settle();
    assert.deepEqual([conducted.run.goal, conducted.run.outcome], ['down', 'done']);
  });

  it('tells of an order that leaves nothing to do', async () => {
    const { conduct, clock, told } = scene(['a']);
    const conducted = conduct();
    await settle();
    await conducted.order((run) => cancel(run, clock.now()));
    await settle();
    assert.equal(told.at(-1), 'cancelled');
    assert.equal(clock.waiting, 0, 'nothing is waited for');
  });

  it('wakes when the engine asks for it', async () => {
    const { conduct, clock, idsOf } = scene(['a : delay 10s']);
    const conducted = conduct();
    await settle();
    assert.deepEqual(idsOf(), []);
    clock.advance(10_000);
    await settle();
    assert.deepEqual(idsOf(), ['r/a/start/1']);
    conducted.stop();
  });
});
