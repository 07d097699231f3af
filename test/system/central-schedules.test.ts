import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import type { ScheduleInfo } from '#shared/model/schedule.ts';
import type { SiteHostRecord } from '#shared/model/site.ts';
import type { AuditEntry } from '#shared/verbs/audit.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import { type RunOptions, runVerb } from '#shared/xmpp/commands-client.ts';
import { type Person, rigPerson } from './support/person.ts';
import { type TestRig, testRig, until } from './support/rig.ts';

type VerbId = keyof typeof centralVerbs;
interface Verdict {
  whole: boolean;
  entries: number;
  brokenAt?: number;
}

describe('schedules and the audit trail, on a real site', function () {
  this.timeout(240_000);
  let rig: TestRig;
  let operator: Person;
  let admin: Person;
  const run = async (who: Person, verb: VerbId, args: object, options?: RunOptions): Promise<unknown> =>
    (await runVerb(who.entity, rig.central, verb, centralVerbs[verb], args as Record<string, unknown>, options)).value;
  const state = async (guest: string): Promise<string> => (await rig.virsh('host2', ['domstate', guest])).trim();
  /** Central may be away at the moment. */
  const infoOf = (name: string): Promise<ScheduleInfo | undefined> =>
    run(operator, 'schedule.info', { name }).catch(() => undefined) as Promise<ScheduleInfo | undefined>;
  const hasRun = (name: string): Promise<void> =>
    until(
      `${name} has run`,
      async () => {
        const outcome = (await infoOf(name))?.outcome;
        return outcome !== undefined && outcome !== 'running';
      },
      60_000,
    );
  const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();
  const audited = async (name: string): Promise<AuditEntry[]> => {
    const all = (await run(admin, 'audit.list', { surface: 'schedule', limit: 1000 })) as AuditEntry[];
    return all.filter(({ operation }) => operation.startsWith(`schedule ${name} `));
  };

  before(async () => {
    rig = await testRig();
    for (const guest of ['cpu1', 'cpu2']) await rig.ensureOff('host2', guest);
    admin = await rigPerson(rig, 'admin');
    operator = await rigPerson(rig, 'operator');
    await until('host2 is heard', async () => {
      const hosts = (await run(admin, 'host.list', {}).catch(() => [])) as SiteHostRecord[];
      return hosts.some(({ name, state: how, problem }) => name === 'host2' && how === 'up' && problem === undefined);
    });
  });
  after(async () => {
    await operator?.entity.stop();
    await admin?.entity.stop();
  });

  it('starts a guest at the time that was said, once, as whoever said it', async () => {
    const when = inMs(5_000);
    await run(operator, 'schedule.add', { name: 'soon', when, verb: 'guest start', args: ['guest=cpu1'] });
    assert.equal((await infoOf('soon'))?.next, when);
    await hasRun('soon');
    assert.equal(await state('cpu1'), 'running');
    const info = await infoOf('soon');
    assert.deepEqual([info?.outcome, info?.last, info?.next, info?.following], ['done', when, undefined, []]);
    const records = await audited('soon');
    assert.deepEqual(
      records.map(({ verb, target, requester, outcome }) => [verb, target, requester, outcome]),
      [['guest.start', 'cpu1', rig.account('operator').jid, 'done']],
    );
    await rig.ensureOff('host2', 'cpu1');
  });

  it('asks for a yes beforehand, and refuses what one may not do or cannot mean', async () => {
    const add = (args: object, who = operator) =>
      run(who, 'schedule.add', {
        name: 'no',
        when: '0 3 * * *',
        verb: 'guest.poweroff',
        args: ['guest=cpu1'],
        ...args,
      });
    await assert.rejects(add({}), /sure=yes/);
    await assert.rejects(add({ verb: 'guest.delete' }), /may not guest.delete cpu1/);
    await assert.rejects(add({ sure: true, args: ['geust=cpu1'] }), /no such argument/);
    await assert.rejects(add({ sure: true, when: '0 3 * *' }), /when: .*five/);
    await assert.rejects(add({ sure: true, when: '2001-01-01T00:00:00Z' }), /never due/);
    await assert.rejects(add({ sure: true, zone: 'Europe/Nowhere' }), /no time zone Europe\/Nowhere/);
    assert.deepEqual(
      await run(admin, 'schedule.list', {}).then((all) => (all as { name: string }[]).map((s) => s.name)),
      ['soon'],
    );
  });

  for (const offsetMs of [-300, 0, 15, 60, 400])
    it(`runs once also when central is killed ${offsetMs} ms after its due time`, async () => {
      const name = `kill${offsetMs}`;
      const when = inMs(3_000);
      await run(operator, 'schedule.add', { name, when, verb: 'guest.start', args: ['guest=cpu2'] });
      // The moment is what is tested: this waits for a time of the day.
      await delay(Date.parse(when) + offsetMs - Date.now());
      await rig.killCentral();
      await hasRun(name);
      assert.equal(await state('cpu2'), 'running');
      const info = await infoOf(name);
      assert.equal(info?.outcome, 'done', info?.text ?? '');
      const records = await audited(name);
      assert.deepEqual(
        records.filter(({ replayed }) => !replayed).map(({ outcome, verb }) => [verb, outcome]),
        [['guest.start', 'done']],
      );
      assert.deepEqual(new Set(records.map(({ operation }) => operation)).size, 1);
      await rig.ensureOff('host2', 'cpu2');
    });

  it('powers a guest off unasked, where that was said beforehand, and knows the job that it began', async () => {
    await rig.ensureRunning('host2', 'cpu1');
    const add = (name: string, verb: string, rest: object) =>
      run(operator, 'schedule.add', { name, when: inMs(2_000), verb, args: ['guest=cpu1', 'waitS=60'], ...rest });
    await add('down', 'guest.shutdown', {});
    await hasRun('down');
    const begun = await infoOf('down');
    assert.ok(begun?.job, begun?.text ?? '');
    await until(
      'the job has ended',
      async () => {
        const job = (await run(operator, 'job.info', { job: begun?.job })) as { state: string };
        return job.state === 'done';
      },
      90_000,
    );
    await until('the schedule knows that it is done', async () => (await infoOf('down'))?.outcome === 'done');
    assert.equal(await state('cpu1'), 'shut off');
    await rig.virsh('host2', ['start', 'cpu1']);
    await until('central knows that it runs', async () => {
      return ((await run(operator, 'guest.info', { guest: 'cpu1' })) as { state: string }).state === 'running';
    });
    await run(operator, 'schedule.add', {
      name: 'off',
      when: inMs(2_000),
      verb: 'guest.poweroff',
      args: ['guest=cpu1'],
      sure: true,
    });
    await hasRun('off');
    assert.equal((await infoOf('off'))?.outcome, 'done', (await infoOf('off'))?.text ?? '');
    assert.equal(await state('cpu1'), 'shut off');
  });

  it('is made, shown and removed from the command line', async () => {
    await rig.does('schedule', 'add', 'nightly', '30 3 * * *', 'guest.start', 'guest=cpu1', 'zone=Europe/Berlin');
    assert.match(
      await rig.does('schedule', 'list'),
      /nightly +30 3 \* \* \* +Europe\/Berlin +guest\.start +guest=cpu1/,
    );
    assert.match(await rig.does('schedule', 'info', 'nightly'), /Due at: (\S+T0[12]:30:00.000Z(, )?){5}/);
    await rig.does('schedule', 'remove', 'nightly');
    assert.doesNotMatch(await rig.does('schedule', 'list'), /nightly/);
  });

  it('shows the trail to administrators alone', async () => {
    const viewer = await rigPerson(rig, 'viewer');
    try {
      for (const who of [viewer, operator])
        for (const verb of ['audit.list', 'audit.verify', 'audit.export'] as const)
          await assert.rejects(run(who, verb, {}), /may not audit/);
    } finally {
      await viewer.entity.stop();
    }
    const refused = (await run(admin, 'audit.list', { verb: 'audit.*', outcome: 'not-permitted' })) as AuditEntry[];
    assert.equal(refused.length, 6);
    const mine = (await run(admin, 'audit.list', {
      requester: rig.account('operator').jid,
      target: 'cpu1',
      verb: 'guest.start',
    })) as AuditEntry[];
    assert.ok(mine.length > 0 && mine.every(({ surface }) => surface === 'schedule'));
  });

  it('prints the trail as JSON lines, part by part', async () => {
    const first = await rig.skerry(['audit', 'export', 'limit=3', '--as', 'admin']);
    assert.equal(first.exitCode, 0, first.stderr);
    const lines = first.stdout.split('\n').map((line) => JSON.parse(line));
    assert.deepEqual(
      lines.map(({ seq }) => seq),
      [1, 2, 3],
    );
    const second = (await run(admin, 'audit.export', { from: 4, limit: 2 })) as {
      lines: string;
      next: number;
      more: boolean;
    };
    assert.deepEqual(
      second.lines.split('\n').map((line) => JSON.parse(line).seq),
      [4, 5],
    );
    assert.deepEqual([second.next, second.more], [6, true]);
  });

  it('finds an entry that was changed behind central’s back', async () => {
    const before = (await run(admin, 'audit.verify', {})) as Verdict;
    assert.equal(before.whole, true);
    assert.ok(before.entries > 10);
    const file = (readdirSync(rig.dir, { recursive: true }) as string[]).find((path) =>
      path.endsWith('central.sqlite'),
    );
    assert.ok(file);
    const database = new DatabaseSync(join(rig.dir, file));
    try {
      database.exec('PRAGMA busy_timeout=5000');
      const kept = database.prepare('SELECT record FROM audit WHERE seq = 5').get() as { record: string };
      database.prepare('UPDATE audit SET record = ? WHERE seq = 5').run(kept.record.replace('"outcome"', '"outcame"'));
      const changed = (await run(admin, 'audit.verify', {})) as Verdict;
      assert.deepEqual([changed.whole, changed.entries, changed.brokenAt], [false, 4, 5]);
      database.prepare('UPDATE audit SET record = ? WHERE seq = 5').run(kept.record);
      assert.equal(((await run(admin, 'audit.verify', {})) as Verdict).whole, true);
    } finally {
      database.close();
    }
  });
});
