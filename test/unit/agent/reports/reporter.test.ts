import assert from 'node:assert/strict';
import { type Reporter, type ReporterDeps, reporter } from '#agent/reports/reporter.ts';
import { systemClock } from '#shared/clock.ts';
import type { Failure } from '#shared/errors.ts';
import type { Report } from '#shared/model/report.ts';
import { guestOf } from '#test/unit/support/guest.ts';

/** A report on its way: the test says how it ends. */
interface Sent {
  report: Report;
  signal: AbortSignal;
  answer(error?: Failure): void;
}

/** Central, as a reporter sees it. */
function central() {
  const sent: Sent[] = [];
  let arrived = Promise.withResolvers<void>();
  const send: ReporterDeps['send'] = (report, signal) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    sent.push({ report, signal, answer: (error) => (error ? reject(error) : resolve()) });
    arrived.resolve();
    return promise;
  };
  return {
    send,
    sent,
    /** Resolves with the n-th report that was sent, from 0. */
    async nth(n: number): Promise<Sent> {
      while (sent.length <= n) {
        await arrived.promise;
        arrived = Promise.withResolvers();
      }
      return sent[n] as Sent;
    },
  };
}

describe('the reporter of an agent', () => {
  let reports: Reporter | undefined;
  afterEach(() => reports?.stop());

  const reporting = (send: ReporterDeps['send']): Reporter => {
    reports = reporter({
      epoch: 7,
      guests: () => [guestOf('venti')],
      facts: () => ({ state: 'up', version: '1' }),
      jobs: () => [],
      send,
      clock: systemClock,
      random: () => 0,
      onBug: (error) => assert.fail(String(error)),
    });
    return reports;
  };

  it('sends the same report again when a new central asks while the one before has not answered', async () => {
    const there = central();
    reporting(there.send).report();
    const first = await there.nth(0);
    reports?.wake('the second');
    const second = await there.nth(1);
    assert.ok(first.signal.aborted, 'nobody waits for the central that is gone');
    assert.deepEqual(second.report, first.report);
    second.answer();
  });

  it('does not send it twice to one that asks again while it is busy with it', async () => {
    const there = central();
    reporting(there.send).wake('one');
    const first = await there.nth(0);
    reports?.wake('one');
    reports?.wake('one');
    assert.ok(!first.signal.aborted);
    first.answer();
    assert.equal((await there.nth(1)).report.kind, 'alive');
  });

  it('does not make up a failure when it is woken', async () => {
    const there = central();
    reporting(there.send).report();
    await there.nth(0);
    for (let woken = 1; woken <= 5; woken++) {
      reports?.wake(`life ${woken}`);
      await there.nth(woken);
    }
    (await there.nth(5)).answer();
    // An alive follows at once, since a pause would be due only after a failure.
    assert.equal((await there.nth(6)).report.kind, 'alive');
  });
});
