import assert from 'node:assert/strict';
import { scheduleRunner } from '#central/schedules/runner.ts';
import { scheduleHandlers } from '#central/verbs/schedule.ts';
import { Failure } from '#shared/errors.ts';
import type { ScheduleRecord } from '#shared/model/schedule.ts';
import { mayBy, Policy } from '#shared/verb/policy.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import { scheduleVerbs } from '#shared/verbs/schedule.ts';
import { guestOf } from '#test/unit/support/guest.ts';
import { manualClock } from '#test/unit/support/manual-clock.ts';
import { siteOf } from '#test/unit/support/site.ts';

const kept = async (): Promise<void> => {};
const fail = (error: unknown): void => {
  throw error;
};

function scene() {
  const clock = manualClock();
  const grants = [
    { role: 'admin', jid: 'root@x.test' },
    { role: 'operator', jid: 'ann@x.test' },
    { role: 'operator', jid: 'bob@x.test', guests: ['web*'] },
    { role: 'viewer', jid: 'eve@x.test' },
    { role: 'admin', jid: 'part@x.test', guests: ['web*'] },
  ];
  const may = mayBy(Policy.parse({ grants }), centralVerbs, { site: true });
  const perform = async () => ({ kind: 'result' as const, value: {}, replayed: false });
  const store = { add: kept, put: kept, remove: kept };
  const jobs = { find: () => undefined, onJob: () => () => {} };
  const runner = scheduleRunner({ loaded: [], store, perform, jobs, clock, onBug: fail });
  const site = siteOf({ host1: ['venti', 'fossil', 'web1'].map((name) => guestOf(name)) });
  const handlers = scheduleHandlers({
    runner,
    site,
    may,
    table: centralVerbs,
    together: () => async () => {},
    now: clock.now,
  });
  const call = (name: string) => ({
    verb: '',
    requester: { bareJid: `${name}@x.test`, fullJid: `${name}@x.test/1` },
    surface: 'chat' as const,
    operation: 'o1',
    signal: new AbortController().signal,
    progress: () => {},
  });
  const add = (who: string, args: object): Promise<ScheduleRecord> =>
    handlers['schedule.add'](
      scheduleVerbs['schedule.add'].args.parse({ name: 'n', when: '@daily', verb: 'guest.start', ...args }),
      call(who),
    );
  const names = async (who: string) =>
    (await handlers['schedule.list']({ limit: 100 }, call(who))).map(({ name }) => name);
  return { clock, handlers, call, add, names, runner };
}
const failsWith =
  (code: string, text: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof Failure, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, text);
    return true;
  };

describe('verbs of schedules', () => {
  it('keep what was read, under the name of whoever asked', async () => {
    const { add, handlers, call } = scene();
    const args = { verb: 'Guest  Tag', args: ['guest=venti', 'tags=a', 'tags=b'], zone: 'Europe/Berlin' };
    const record = await add('ann', args);
    assert.deepEqual(record, {
      name: 'n',
      when: '@daily',
      zone: 'Europe/Berlin',
      verb: 'guest.tag',
      args: ['guest=venti', 'tags=a', 'tags=b'],
      missed: 'skip',
      requester: 'ann@x.test',
      addedAt: '2026-01-01T00:00:00.000Z',
      next: '2026-01-01T23:00:00.000Z',
    });
    const info = await handlers['schedule.info']({ name: 'n' }, call('ann'));
    assert.deepEqual(
      info.following.map((at) => at.slice(8, 13)),
      ['01T23', '02T23', '03T23', '04T23', '05T23'],
    );
  });

  it('refuse what nobody would carry out when it is due', async () => {
    const { add, runner } = scene();
    const refused: [string, object, string, RegExp][] = [
      ['ann', { verb: 'guest.strat' }, 'verb-unknown', /Did you mean guest.start/],
      ['ann', { verb: 'constructor' }, 'verb-unknown', /constructor/],
      ['ann', {}, 'bad-argument', /args: guest: is missing/],
      ['ann', { args: ['venti'] }, 'bad-argument', /venti is not NAME=VALUE/],
      ['ann', { args: ['guest=venti', 'guest=fossil'] }, 'bad-argument', /one value, not several/],
      ['bob', { args: ['guest=venti'] }, 'not-permitted', /guest.start venti/],
      ['eve', { args: ['guest=venti'] }, 'not-permitted', /guest.start venti/],
      ['ann', { verb: 'guest.delete', args: ['guest=venti'] }, 'not-permitted', /guest.delete venti/],
      ['ann', { verb: 'guest.poweroff', args: ['guest=venti'] }, 'bad-argument', /say sure=yes/],
      ['ann', { args: ['guest=vneti'] }, 'guest-not-found', /vneti/],
      ['eve', { args: ['guest=vneti'] }, 'not-permitted', /guest.start vneti/],
      ['root', { verb: 'host.tag', args: ['host=hots1', 'tags=a'] }, 'host-not-found', /Did you mean host1/],
      ['root', { verb: 'guest.define', args: ['name=new', 'host=host9'] }, 'host-not-found', /host9/],
      ['ann', { verb: 'fleet.run', args: ['verb=guest.strat'] }, 'verb-unknown', /Did you mean guest.start/],
      ['ann', { verb: 'fleet.run', args: ['verb=guest.start', 'where=hots:a'] }, 'bad-argument', /Did you mean host/],
      ['ann', { verb: 'fleet.run', args: ['verb=guest.poweroff'] }, 'bad-argument', /say sure=yes/],
      ['root', { verb: 'schedule.remove', args: ['name=n'] }, 'bad-argument', /no schedules/],
      ['ann', { args: ['guest=venti'], when: '0 0 30 2 *' }, 'bad-argument', /never due/],
      ['ann', { args: ['guest=venti'], when: '2025-12-31T23:59:59Z' }, 'bad-argument', /never due/],
    ];
    for (const [who, args, code, text] of refused) await assert.rejects(add(who, args), failsWith(code, text));
    assert.deepEqual(runner.list(), []);
    assert.equal(
      (await add('ann', { verb: 'guest.poweroff', args: ['guest=venti'], sure: true })).verb,
      'guest.poweroff',
    );
  });

  it('take what is to be made when it is due, what selects nothing yet, and what asks nothing', async () => {
    const { add, names } = scene();
    await add('root', { name: 'a', verb: 'guest.define', args: ['name=new', 'host=host1'] });
    await add('root', { name: 'b', verb: 'host.enrol', args: ['name=host9'] });
    await add('ann', { name: 'c', verb: 'fleet.run', args: ['verb=guest.start', 'where=tag:later'] });
    assert.deepEqual(await names('root'), ['a', 'b', 'c']);
  });

  it('make one schedule of a name; the same once more, as after a crash, is the same', async () => {
    const { add, clock } = scene();
    const first = await add('ann', { args: ['guest=venti'] });
    clock.advance(5_000);
    assert.deepEqual(await add('ann', { args: ['guest=venti'] }), first);
    await assert.rejects(add('ann', { args: ['guest=fossil'] }), failsWith('schedule-exists', /schedule n already/));
    await assert.rejects(add('root', { args: ['guest=venti'] }), failsWith('schedule-exists', /remove it first/));
  });

  it('show one’s own, and those whose verb one may use there oneself', async () => {
    const { add, names } = scene();
    await add('ann', { name: 'venti', args: ['guest=venti'] });
    await add('ann', { name: 'web', args: ['guest=web1'] });
    await add('root', { name: 'gone', verb: 'guest.delete', args: ['guest=web1'], sure: true });
    assert.deepEqual(await names('root'), ['gone', 'venti', 'web']);
    assert.deepEqual(await names('ann'), ['venti', 'web']);
    assert.deepEqual(await names('bob'), ['web']);
    assert.deepEqual(await names('eve'), []);
  });

  it('remove one’s own; those of others only for who may give roles on everything', async () => {
    const { add, names, handlers, call } = scene();
    await add('ann', { name: 'venti', args: ['guest=venti'] });
    await add('ann', { name: 'web', args: ['guest=web1'] });
    await add('root', { name: 'gone', verb: 'guest.delete', args: ['guest=web1'], sure: true });
    await add('root', { name: 'start', args: ['guest=web1'] });
    const remove = (who: string, name: string) => handlers['schedule.remove']({ name }, call(who));
    await assert.rejects(remove('bob', 'venti'), failsWith('schedule-not-found', /no schedule venti/));
    await assert.rejects(remove('ann', 'gone'), failsWith('schedule-not-found', /no schedule gone/));
    const notTheirs = failsWith('not-permitted', /may not schedule\.remove \w+, which (ann|root)@x\.test made/);
    await assert.rejects(remove('bob', 'web'), notTheirs);
    await assert.rejects(remove('ann', 'start'), notTheirs);
    await assert.rejects(remove('part', 'start'), notTheirs);
    await remove('ann', 'venti');
    await remove('root', 'web');
    assert.deepEqual(await names('root'), ['gone', 'start']);
  });
});
