import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, it } from 'mocha';
import { z } from 'zod';
import { Failure } from '#shared/errors.ts';
import { performer } from '#shared/verb/perform.ts';
import type { Recorded } from '#shared/verb/perform-deps.ts';
import type { AuditRecord, Call, Request } from '#shared/verb/request.ts';
import type { VerbTable } from '#shared/verb/verb.ts';
import { until } from '#test/system/support/until.ts';

const LIMIT_MS = 30;
const row = {
  ...{ summary: 'Do it.', risk: 'change', positional: ['guest'], guestArg: 'guest', failures: [] },
  ...{ args: z.strictObject({ guest: z.string() }), result: z.string(), timeoutMs: LIMIT_MS },
} as const;
const TABLE = { 'guest.start': row, 'guest.poweroff': row } as unknown as VerbTable;

describe('a change that takes longer than its verb may', () => {
  /** A performer whose guest.start ends when the test says so. */
  const scene = ({ changesGoOn = true } = {}) => {
    const calls: Call[] = [];
    const started = Promise.withResolvers<string>();
    const ended = new Map<string, Recorded>();
    const trail: AuditRecord[] = [];
    const handlers = {
      'guest.start': async (_: object, call: Call) => {
        calls.push(call);
        return started.promise;
      },
      'guest.poweroff': async () => 'off',
    };
    const perform = performer({
      ...{ table: TABLE, handlers: handlers as never, may: () => true, supports: () => true, changesGoOn },
      journal: {
        find: ({ operation }) => ended.get(operation),
        begin: async () => undefined,
        end: ({ operation }, recorded, audit) => {
          ended.set(operation, recorded);
          trail.push(audit);
        },
      },
      jobs: { start: () => assert.fail('no job'), find: () => undefined },
      ...{ audit: (record) => trail.push(record), onBug: assert.fail, now: Date.now, newId: () => 'id' },
      ...{ here: { driver: 'fake', host: 'host1' }, limits: { underWay: 9, underWayEach: 9 } },
    });
    const ask = (verb: string, operation: string) => perform(request(verb, operation));
    return { ask, calls, started, ended, trail };
  };
  const request = (verb: string, operation: string): Request => ({
    ...{ verb, operation, args: { guest: 'venti' }, surface: 'chain', confirmed: true },
    requester: { bareJid: 'central.skerry.test', fullJid: 'central.skerry.test' },
  });
  const isLate = (error: unknown): boolean => error instanceof Failure && error.code === 'verb-timeout';

  it('is answered that it is late, goes on, and is answered as it ended when it is asked again', async () => {
    const { ask, calls, started, ended, trail } = scene();
    await assert.rejects(ask('guest.start', 'one'), isLate);
    assert.equal(calls[0]?.signal.aborted, false, 'it is not cut off');
    await assert.rejects(ask('guest.start', 'one'), isLate, 'whoever asks again waits no longer either');
    assert.equal(ended.size, 0);
    started.resolve('up');
    await until('it is written down', async () => (ended.has('one') ? true : undefined));
    assert.deepEqual(await ask('guest.start', 'one'), { kind: 'result', value: 'up', replayed: true });
    assert.equal(calls.length, 1, 'done once');
    assert.deepEqual(
      trail.filter(({ replayed }) => !replayed).map(({ verb, outcome }) => [verb, outcome]),
      [['guest.start', 'done']],
    );
  });

  it('is joined by whoever asks again before it ends', async () => {
    const { ask, calls, started } = scene();
    await assert.rejects(ask('guest.start', 'one'), isLate);
    const again = ask('guest.start', 'one');
    await turn();
    started.reject(new Failure('guest-not-found', { guest: 'venti', host: 'host1' }));
    await assert.rejects(again, (error) => error instanceof Failure && error.code === 'guest-not-found');
    assert.equal(calls.length, 1);
  });

  it('stands in the way of no other change of the guest', async () => {
    const { ask, started } = scene();
    await assert.rejects(ask('guest.start', 'one'), isLate);
    assert.deepEqual(await ask('guest.poweroff', 'two'), { kind: 'result', value: 'off', replayed: false });
    started.resolve('up');
  });

  it('is cut off at its limit where it is not said to go on', async () => {
    const { ask, calls, ended } = scene({ changesGoOn: false });
    await assert.rejects(ask('guest.start', 'one'), isLate);
    assert.equal(calls[0]?.signal.aborted, true);
    assert.equal(ended.get('one')?.outcome, 'failed');
  });
});
