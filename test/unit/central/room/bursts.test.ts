import assert from 'node:assert/strict';
import { bursts, linesOf } from '#central/room/bursts.ts';
import { manualClock } from '../../support/manual-clock.ts';

const started = (subject: string) => ({ subject, what: 'running', host: 'host1' });

describe('what the room is told', () => {
  it('is a line for each of a few, and one line for many alike of one host', () => {
    assert.deepEqual(linesOf([started('a'), { subject: 'host2', what: 'back' }]), [
      'a: running (host1)',
      'host2: back',
    ]);
    const many = Array.from({ length: 22 }, (_, at) => started(`g${at}`));
    const [line, ...rest] = linesOf(many);
    assert.match(line ?? '', /^22 guests of host1 running: g0, g1, .*g19, … and 2 more$/);
    assert.deepEqual(rest, []);
    assert.equal(linesOf(many.map((each, at) => ({ ...each, host: `h${at}` }))).length, 22);
  });

  it('waits for what comes with it, and tells the newest of each', () => {
    const clock = manualClock();
    const told: string[] = [];
    const gather = bursts(clock, (lines) => told.push(...lines));
    gather.add(started('a'));
    gather.add({ ...started('a'), what: 'crashed' });
    assert.deepEqual(told, []);
    clock.advance(500);
    assert.deepEqual(told, ['a: crashed (host1)']);
    gather.add(started('b'));
    gather.stop();
    clock.advance(500);
    assert.equal(told.length, 1);
  });
});
