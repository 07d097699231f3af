import assert from 'node:assert/strict';
import { auditTrail } from '#central/audit/trail.ts';
import { subscriptions } from '#central/contacts/subscriptions.ts';
import { type Database, openDatabase } from '#central/database/open.ts';
import { groupWriter, type Writer } from '#central/database/writer.ts';
import { Site } from '#central/inventory/site.ts';
import { inventoryStore, loadInventory } from '#central/inventory/store.ts';
import { centralJobTable } from '#central/journal/job-table.ts';
import { centralJournal } from '#central/journal/journal.ts';
import { changeOf, NO_STATE, type SiteNetwork, withRow } from '#central/networks/state.ts';
import { networkStore } from '#central/networks/store.ts';
import { Failure } from '#shared/errors.ts';
import type { Guest } from '#shared/model/guest.ts';
import type { Job } from '#shared/model/job.ts';
import type { Report } from '#shared/model/report.ts';
import type { AuditRecord, Request } from '#shared/verb/request.ts';

export interface DatabaseHarness {
  /** A new, empty place: what `database` of central's configuration says. */
  newPlace(): Promise<string>;
  close(): Promise<void>;
}

const NOW = Date.parse('2026-05-04T03:02:01.000Z');
const now = (): number => NOW;
const notDue = (error: unknown): void => {
  throw error;
};

/** What central keeps is kept alike on every database: each test writes, opens the same place anew, and reads. */
export function storesContract(name: string, open: () => Promise<DatabaseHarness>): void {
  describe(`central's stores on ${name}`, () => {
    let harness: DatabaseHarness;
    let place: string;
    let database: Database;
    let writer: Writer;

    before(async function () {
      this.timeout(60_000);
      harness = await open();
    });
    after(() => harness?.close());
    beforeEach(async () => {
      place = await harness.newPlace();
      await begin();
    });
    afterEach(() => database.destroy());

    const begin = async (): Promise<void> => {
      database = await openDatabase(place, notDue);
      writer = groupWriter(database);
    };
    const again = async (): Promise<void> => {
      await writer.settled();
      await database.destroy();
      await begin();
    };
    const newTrail = () => auditTrail(database, writer, notDue);
    const newSite = async (): Promise<Site> =>
      new Site({ loaded: await loadInventory(database), store: inventoryStore(writer), now, onBug: notDue });

    it('know every host, guest, contact, tag, title and note again, and the report that was taken last', async () => {
      const site = await newSite();
      await site.enrol('host1', 'host1@skerry.test');
      await site.enrol('host2', 'host2@skerry.test');
      const guests = Array.from({ length: 300 }, (_, n) => guestOf(n));
      await site.take('host1@skerry.test', reportOf({ seq: 1, guests }));
      await site.take('host1@skerry.test', reportOf({ seq: 2, kind: 'change', gone: ['uuid-7'] }));
      await site.describeGuest('guest1', () => ({
        tags: ['web', 'œuvre'],
        title: 'The first',
        notes: "it's \u0001 \\ 'quoted' 😀",
      }));
      await site.describeHost('host1', () => ({ tags: ['edge'], title: 'The first', notes: null }));
      await again();
      const later = await newSite();
      const withoutReach = ({ reach: _, since: __, ...host }: ReturnType<Site['host']>) => host;
      assert.deepEqual(later.hosts().map(withoutReach), site.hosts().map(withoutReach));
      assert.deepEqual(later.contacts(), site.contacts());
      assert.equal(later.contacts().length, 299);
      const bare = ({ host: _, ...rest }: ReturnType<Site['guest']>) => rest;
      assert.deepEqual(later.guests().map(bare), site.guests().map(bare));
      // The next number is taken, so that no report is lost or taken twice over a restart.
      await later.take('host1@skerry.test', reportOf({ seq: 2, kind: 'change', gone: ['uuid-8'] }));
      assert.equal(later.contacts().length, 299);
      await later.take('host1@skerry.test', reportOf({ seq: 3, kind: 'change', gone: ['uuid-8'] }));
      assert.equal(later.contacts().length, 298);
    });

    it('have an epoch and a number as large as a number can be', async () => {
      const site = await newSite();
      await site.enrol('host1', 'host1@skerry.test');
      await site.take('host1@skerry.test', { ...reportOf({ seq: 1 }), epoch: Number.MAX_SAFE_INTEGER });
      await again();
      assert.equal((await newSite()).host('host1').known.epoch, Number.MAX_SAFE_INTEGER);
    });

    it('forget a host with its guests', async () => {
      const site = await newSite();
      await site.enrol('host1', 'host1@skerry.test');
      await site.take('host1@skerry.test', reportOf({ seq: 1, guests: [guestOf(1)] }));
      await site.forget('host1');
      await again();
      assert.deepEqual((await newSite()).hosts(), []);
      assert.deepEqual(await database.selectFrom('guests').selectAll().execute(), []);
    });

    it('write many at once, in order, and all but the one that cannot be written', async () => {
      const set = (key: string, value: string) =>
        writer.write(async (transaction) => {
          await transaction.insertInto('settings').values({ key, value }).execute();
        });
      const outcomes = await Promise.allSettled([
        set('first', '1'),
        ...Array.from({ length: 50 }, (_, n) => set(`key${n}`, String(n))),
        set('key7', 'there is one'),
        ...Array.from({ length: 50 }, (_, n) => set(`more${n}`, String(n))),
      ]);
      const failed = outcomes.flatMap(({ status }, n) => (status === 'rejected' ? [n] : []));
      assert.deepEqual(failed, [51]);
      await again();
      const rows = await database.selectFrom('settings').selectAll().execute();
      assert.equal(rows.length, 101);
      assert.equal(rows.find(({ key }) => key === 'key7')?.value, '7');
    });

    it('write nothing of a write that fails in its middle', async () => {
      const write = writer.write(async (transaction) => {
        await transaction.insertInto('settings').values({ key: 'half', value: '' }).execute();
        throw new Error('in the middle');
      });
      await assert.rejects(write, /in the middle/);
      await again();
      assert.deepEqual(await database.selectFrom('settings').selectAll().execute(), []);
    });

    it('answer an operation as it ended, and refuse its id for another', async () => {
      const trail = newTrail();
      const journal = centralJournal(database, writer, trail, now, notDue);
      const request = requestOf('op-1', { guest: 'venti' });
      assert.equal(await journal.find(request, request.args), undefined);
      await journal.begin(request, request.args, request.args);
      // It is asked for again after it was cut off: it is written down already.
      await journal.begin(request, request.args, request.args);
      assert.equal(await journal.find(request, request.args), undefined);
      const recorded = { outcome: 'done', value: { name: 'venti', n: [1, null, 'ä'] } } as const;
      await journal.end(request, recorded, auditOf('op-1'));
      await again();
      const later = centralJournal(database, writer, newTrail(), now, notDue);
      assert.deepEqual(await later.find(request, request.args), recorded);
      const other = { ...request, args: { guest: 'fossil' } };
      await assert.rejects(async () => later.find(other, other.args), isFailure('operation-mismatch'));
      const stranger = { ...request, requester: { bareJid: 'eve@skerry.test', fullJid: 'eve@skerry.test/x' } };
      assert.equal(await later.find(stranger, stranger.args), undefined);
      assert.equal((await newTrail().read(10)).length, 1);
    });

    it('leave open what only the host knows: it is asked again there, and then written down', async () => {
      const journal = centralJournal(database, writer, newTrail(), now, notDue);
      for (const code of ['host-unreachable', 'operation-uncertain', 'verb-timeout'] as const) {
        const request = requestOf(code, { guest: 'venti' });
        await journal.begin(request, request.args, request.args);
        await journal.end(request, { outcome: 'failed', code, details: {} }, auditOf(code));
        assert.equal(await journal.find(request, request.args), undefined);
        await journal.begin(request, request.args, request.args);
        await journal.end(request, { outcome: 'done', value: 1 }, auditOf(code));
        assert.deepEqual(await journal.find(request, request.args), { outcome: 'done', value: 1 });
      }
    });

    it('write an outcome with the change that it is of, once: both are there or neither', async () => {
      const journal = centralJournal(database, writer, newTrail(), now, notDue);
      const request = requestOf('together', { guest: 'venti' });
      const done = { outcome: 'done', value: { role: 'viewer' } } as const;
      const entries = async () => (await newTrail().read(10)).map(({ record }) => [record.operation, record.outcome]);
      const change = (isBroken: boolean) =>
        writer.write(async (transaction) => {
          await transaction.insertInto('settings').values({ key: 'changed', value: 'yes' }).execute();
          await journal.together(request, done.value)(transaction);
          if (isBroken) throw new Error('no room');
        });
      const isChanged = async () => (await database.selectFrom('settings').selectAll().execute()).length === 1;
      await journal.begin(request, request.args, request.args);
      await assert.rejects(change(true), /no room/);
      assert.deepEqual([await isChanged(), await journal.find(request, request.args)], [false, undefined]);
      await change(false);
      // As after a kill before anybody was answered.
      const later = centralJournal(database, writer, newTrail(), now, notDue);
      assert.deepEqual([await isChanged(), await later.find(request, request.args)], [true, done]);
      assert.deepEqual(await entries(), [['together', 'done']]);
      // Nor is it written over by the end of the same process.
      await journal.end(request, { outcome: 'failed', code: 'verb-timeout', details: {} }, auditOf('together'));
      assert.deepEqual(await journal.find(request, request.args), done);
      assert.deepEqual(await entries(), [['together', 'done']]);
      // Whoever was told that it took too long is not followed by its effect.
      await assert.rejects(writer.write(journal.together(request, done.value)), /not under way/);
    });

    it('write that it failed where the change with its outcome did', async () => {
      const journal = centralJournal(database, writer, newTrail(), now, notDue);
      const request = requestOf('broken', {});
      await journal.begin(request, {}, {});
      const broken = writer.write(async (transaction) => {
        await journal.together(request, 1)(transaction);
        throw new Error('no room');
      });
      await assert.rejects(broken, /no room/);
      const failed = { outcome: 'failed', code: 'bad-argument', details: {} } as const;
      await journal.end(request, failed, auditOf('broken'));
      assert.deepEqual(await journal.find(request, {}), failed);
    });

    it('forget operations that ended long ago, or were cut off long ago, and no others', async () => {
      let time = NOW;
      const journal = centralJournal(database, writer, newTrail(), () => time, notDue);
      for (const id of ['ended', 'cut off', 'later']) {
        if (id === 'later') time = NOW + 10;
        const request = requestOf(id, {});
        await journal.begin(request, {}, {});
        if (id === 'ended') await journal.end(request, { outcome: 'done', value: null }, auditOf(id));
      }
      await journal.prune(new Date(NOW).toISOString());
      assert.equal((await database.selectFrom('operations').selectAll().execute()).length, 3);
      await journal.prune(new Date(NOW + 1).toISOString());
      const left = await database.selectFrom('operations').selectAll().execute();
      assert.deepEqual(
        left.map(({ id }) => id),
        ['later'],
      );
    });

    it('know jobs again, those that ended and those that were cut off, and give no id twice', async () => {
      const jobs = await centralJobTable(database, writer, newTrail());
      const asker = { requester: requestOf('', {}).requester, surface: 'form' as const };
      const [first, second] = await Promise.all(
        ['op-1', 'op-2'].map((operation) => jobs.add(jobOf, { guest: 'venti' }, asker, operation)),
      );
      assert.ok(first && second && first.id !== second.id);
      await jobs.put({ ...second, progress: 'half way', percent: 50 });
      const ended: Job = { ...first, state: 'done', outcome: 'done', progress: 'it is off' };
      await jobs.end(ended, auditOf('op-1'));
      await again();
      const later = await centralJobTable(database, writer, newTrail());
      assert.deepEqual(later.find(first.id), ended);
      assert.deepEqual(
        later.list({ limit: 9 }).map(({ id }) => id),
        [second.id, first.id],
      );
      const left = later.running();
      assert.deepEqual(left, [
        {
          job: { ...second, progress: 'half way', percent: 50 },
          args: { guest: 'venti' },
          asker,
          operation: 'op-2',
        },
      ]);
      const third = await later.add(jobOf, {}, asker, 'op-3');
      assert.ok(![first.id, second.id].includes(third.id));
      assert.equal((await newTrail().read(10)).length, 1);
    });

    it('chain the audit trail without a gap, whatever fails between, and see where it was changed', async () => {
      const trail = newTrail();
      for (let n = 0; n < 1_200; n++) trail.add(auditOf(`added-${n}`));
      const failing = writer.write(async (transaction) => {
        await trail.append(transaction, auditOf('undone'));
        throw new Error('after its record');
      });
      const appended = Array.from({ length: 20 }, (_, n) =>
        writer.write((transaction) => trail.append(transaction, auditOf(`appended-${n}`))),
      );
      await assert.rejects(failing, /after its record/);
      await Promise.all(appended);
      await trail.flush();
      await again();
      const verdict = await newTrail().verify();
      assert.equal(verdict.entries, 1_220);
      assert.equal(verdict.brokenAt, undefined);
      const entries = await newTrail().from(1, 2_000);
      assert.ok(!entries.some(({ record }) => record.operation === 'undone'));
      const [newest] = await newTrail().read(1, 1_001);
      assert.equal(newest?.seq, 1_000);
      const row = await database.selectFrom('audit').selectAll().where('seq', '=', 700).executeTakeFirstOrThrow();
      const forged = row.record.replace('ann@', 'eve@');
      assert.notEqual(forged, row.record);
      await database.updateTable('audit').set({ record: forged }).where('seq', '=', 700).execute();
      assert.equal((await newTrail().verify()).brokenAt, 700);
      await database.updateTable('audit').set({ record: row.record }).where('seq', '=', 700).execute();
      await database.deleteFrom('audit').where('seq', '=', 900).execute();
      assert.equal((await newTrail().verify()).brokenAt, 900);
    });

    it('know who sees whose presence', async () => {
      const watchers = await subscriptions(database, writer);
      await Promise.all([
        watchers.add('venti', 'ann@skerry.test'),
        watchers.add('venti', 'ann@skerry.test'),
        watchers.add('venti', 'bob@skerry.test'),
        watchers.add('fossil', 'ann@skerry.test'),
      ]);
      await watchers.remove('venti', 'bob@skerry.test');
      await again();
      const later = await subscriptions(database, writer);
      assert.deepEqual([...later.of('venti')], ['ann@skerry.test']);
      assert.ok(later.has('fossil', 'ann@skerry.test'));
      assert.deepEqual([...later.of('none')], []);
    });

    it('know networks again, what each operation changed of them, and nothing of what was undone', async () => {
      const store = networkStore(database, writer, now);
      const network = (name: string): SiteNetwork => ({
        ...{
          name,
          kind: 'nat',
          subnets: ['10.99.0.0/16', 'fd00:99::/64'],
          mtu: 1450,
          domain: null,
          level: 7,
          link: null,
        },
        ...{ vni: 16_777_215, wanted: 'up', hosts: ['host1'], by: 'ann@skerry.test', at: '2026-05-04T03:02:01.000Z' },
      });
      const port = { mac: '06:53:07:00:00:01', network: 'lan', guest: "w'eb\\20é", addresses: ['10.99.0.2'] };
      let state = withRow(withRow(NO_STATE, 'networks', network('lan')), 'ports', port);
      const first = changeOf(NO_STATE, state);
      await store.write(first, 'first');
      const stopped = withRow(state, 'networks', { ...network('lan'), wanted: 'down' });
      await store.write(changeOf(state, stopped), 'second');
      state = stopped;
      const more = withRow(state, 'networks', network('more'));
      await store.write(changeOf(state, more), 'third');
      await store.unwrite(changeOf(more, state), 'third');
      await assert.rejects(store.write(changeOf(state, NO_STATE), 'first'));
      await again();
      const later = networkStore(database, writer, now);
      assert.deepEqual(await later.load(), state);
      assert.deepEqual(await later.find('first'), first);
      assert.equal(await later.find('third'), undefined);
      await later.write(changeOf(state, NO_STATE), 'fourth');
      assert.deepEqual(await later.load(), NO_STATE);
      await later.prune(new Date(NOW + 1).toISOString());
      assert.equal(await later.find('first'), undefined);
    });

    it('are one central’s alone, and the next one’s when it has ended', async () => {
      await assert.rejects(openDatabase(place, notDue), (error) => {
        assert.ok(isFailure('config-invalid')(error));
        assert.match((error as Failure).message, /another central uses/);
        return true;
      });
      await again();
    });
  });
}

const isFailure =
  (code: Failure['code']) =>
  (error: unknown): boolean =>
    error instanceof Failure && error.code === code;

const guestOf = (n: number): Guest => ({
  name: `guest${n}`,
  uuid: `uuid-${n}`,
  state: n % 2 === 0 ? 'running' : 'shutoff',
  host: 'host1',
  vcpus: 1,
  memoryMiB: 64,
  addresses: ['10.0.0.1', 'fd00::1'],
  autostart: false,
  persistent: true,
});

const reportOf = (report: Partial<Report>): Report => ({
  epoch: NOW,
  seq: 1,
  kind: 'snapshot',
  part: 0,
  more: false,
  host: { state: 'up', version: '0.1.0', cpus: 8 },
  guests: [],
  gone: [],
  jobs: [],
  ...report,
});

const requestOf = (operation: string, args: Record<string, unknown>): Request => ({
  verb: 'guest.start',
  args,
  requester: { bareJid: 'ann@skerry.test', fullJid: 'ann@skerry.test/x' },
  surface: 'form',
  operation,
  confirmed: false,
});

const auditOf = (operation: string): AuditRecord => ({
  at: new Date(NOW).toISOString(),
  verb: 'guest.start',
  requester: requestOf('', {}).requester,
  surface: 'form',
  operation,
  args: { guest: 'venti' },
  outcome: 'done',
  tookMs: 3,
});

const jobOf = (id: string): Job => ({
  id,
  verb: 'guest.shutdown',
  target: 'venti',
  state: 'running',
  progress: 'begun',
  requester: 'ann@skerry.test',
  startedAt: new Date(NOW).toISOString(),
});
