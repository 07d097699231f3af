import assert from 'node:assert/strict';
import { keepWatching } from '#cli/console-watching.ts';
import { Failure } from '#shared/errors.ts';
import { manualClock } from '#test/unit/support/manual-clock.ts';

/** A watch whose renewals end when they are told to. */
function watching() {
  const clock = manualClock();
  const notes: string[] = [];
  const renewals: PromiseWithResolvers<void>[] = [];
  const keeping = keepWatching({
    entity: { onStatus: () => () => {} },
    renew: () => {
      const renewal = Promise.withResolvers<void>();
      renewals.push(renewal);
      return renewal.promise;
    },
    note: (text) => notes.push(text),
    clock,
  });
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  return { clock, keeping, notes, renewals, settle };
}

const AWAY = new Failure('not-connected');

describe('a console that is watched', () => {
  it('is renewed again and again', async () => {
    const { clock, keeping, renewals, settle } = watching();
    keeping.begin();
    for (const count of [1, 2, 3]) {
      clock.advance(5_000);
      assert.equal(renewals.length, count);
      renewals.at(-1)?.resolve();
      await settle();
    }
  });

  it('is left for good, also while it is being renewed', async () => {
    const { clock, keeping, notes, renewals, settle } = watching();
    keeping.begin();
    clock.advance(5_000);
    keeping.end();
    renewals[0]?.reject(AWAY);
    await settle();
    clock.advance(3_600_000);
    assert.equal(renewals.length, 1);
    assert.deepEqual(notes, []);
  });

  it('waits for one that is away, says so once, and breaks after two minutes', async () => {
    const { clock, keeping, notes, renewals, settle } = watching();
    keeping.begin();
    clock.advance(5_000);
    for (let second = 0; second < 125; second++) {
      renewals.at(-1)?.reject(AWAY);
      await settle();
      clock.advance(1_000);
    }
    assert.equal(notes.length, 1);
    await assert.rejects(keeping.broken, { code: 'not-connected' });
    keeping.end();
  });
});
