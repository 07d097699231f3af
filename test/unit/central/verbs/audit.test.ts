import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AuditTrail, auditTrail } from '#central/audit/trail.ts';
import { type Database, openDatabase } from '#central/database/open.ts';
import { groupWriter } from '#central/database/writer.ts';
import { auditHandlers } from '#central/verbs/audit.ts';
import { mayBy, Policy } from '#shared/verb/policy.ts';
import type { AuditRecord } from '#shared/verb/request.ts';
import type { ArgsOf } from '#shared/verb/verb.ts';
import { auditVerbs } from '#shared/verbs/audit.ts';
import { centralVerbs } from '#shared/verbs/central.ts';

const ENTRIES = 2_500;
const START = Date.UTC(2026, 0, 1);
const fail = (error: unknown): void => {
  throw error;
};
const call = {
  verb: 'audit.list',
  requester: { bareJid: 'root@x.test', fullJid: 'root@x.test/1' },
  surface: 'cli' as const,
  operation: 'a1',
  signal: new AbortController().signal,
  progress: () => {},
};
const record = (n: number): AuditRecord => ({
  at: new Date(START + n * 60_000).toISOString(),
  verb: n % 2 ? 'guest.start' : 'host.info',
  requester: { bareJid: n % 3 ? 'ann@x.test' : 'bob@x.test', fullJid: 'x@x.test/1' },
  surface: n % 500 ? 'chat' : 'schedule',
  operation: `op${n}`,
  args: n % 2 ? { guest: `web${n}` } : { host: 'host1', note: 'é"\n' },
  outcome: n % 7 ? 'done' : 'not-permitted',
  tookMs: 1,
});

/** A trail of these. */
const trailOf = (records: readonly AuditRecord[]): AuditTrail =>
  ({
    async *backward() {
      yield* records.map((each, at) => ({ seq: at + 1, at: each.at, record: each, hash: '' }));
    },
  }) as unknown as AuditTrail;

describe('verbs of the audit trail', () => {
  let folder: string;
  let database: Database;
  let trail: AuditTrail;
  const list = (args: Record<string, unknown>) =>
    auditHandlers({ trail, table: centralVerbs })['audit.list'](auditVerbs['audit.list'].args.parse(args), call);
  const numbers = async (args: Record<string, unknown>) => (await list(args)).map(({ seq }) => seq);
  const exported = (args: Partial<ArgsOf<(typeof auditVerbs)['audit.export']>>) =>
    auditHandlers({ trail, table: centralVerbs })['audit.export'](auditVerbs['audit.export'].args.parse(args), call);
  const verify = () => auditHandlers({ trail, table: centralVerbs })['audit.verify']({}, call);

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'skerry-audit-'));
    database = await openDatabase(join(folder, 'central.sqlite'), fail);
    trail = auditTrail(database, groupWriter(database), fail);
    for (let n = 1; n <= ENTRIES; n++) trail.add(record(n));
    await trail.flush();
  });
  after(async () => {
    await database.destroy();
    rmSync(folder, { recursive: true });
  });

  it('list the newest first, and page back', async () => {
    assert.deepEqual(await numbers({ limit: 3 }), [2500, 2499, 2498]);
    assert.deepEqual(await numbers({ limit: 3, before: 1001 }), [1000, 999, 998]);
    assert.deepEqual(await numbers({ before: 3 }), [2, 1]);
    assert.deepEqual(await numbers({ before: 1 }), []);
  });

  it('find by who, what, on what, how it ended, how it came, and when', async () => {
    assert.deepEqual(await numbers({ surface: 'schedule' }), [2500, 2000, 1500, 1000, 500]);
    assert.deepEqual(await numbers({ target: 'web1' }), [1]);
    assert.deepEqual(
      await numbers({ target: 'WEB24*', verb: 'guest.*', outcome: 'not-*', requester: 'bob@*' }),
      [2499, 2457, 2415],
    );
    const since = new Date(START + 10 * 60_000).toISOString();
    const until = '2026-01-01T01:12:00+01:00';
    assert.deepEqual(await numbers({ since, until }), [12, 11, 10]);
    assert.deepEqual(await numbers({ since: '2030-01-01T00:00:00Z' }), []);
    assert.throws(() => auditVerbs['audit.list'].args.parse({ since: 'yesterday' }), /a time is due/);
    assert.throws(() => auditVerbs['audit.list'].args.parse({ surface: 'foo' }), /surface/);
  });

  it('take a date for the whole day', async () => {
    const day = { since: '2026-01-02', until: '2026-01-02' };
    assert.deepEqual(await numbers({ ...day, before: 1_443 }), [1_442, 1_441, 1_440]);
    assert.deepEqual(await numbers({ until: '2026-01-01', limit: 1 }), [1_439]);
  });

  it('tell the begin of a job from its end', async () => {
    const of = auditHandlers({
      trail: trailOf([
        { ...record(1), job: 'j1', begun: true },
        { ...record(2), job: 'j1' },
      ]),
      table: centralVerbs,
    });
    const found = await of['audit.list'](auditVerbs['audit.list'].args.parse({}), call);
    assert.deepEqual(
      found.map(({ job, outcome }) => [job, outcome]),
      [
        ['j1', 'begun'],
        ['j1', 'done'],
      ],
    );
  });

  it('export the whole trail in parts that a stanza holds, without a gap', async () => {
    const all: { seq: number; record: AuditRecord }[] = [];
    for (let from = 1, more = true; more; ) {
      const part = await exported({ from });
      assert.ok(Buffer.byteLength(part.lines) <= 100_000);
      all.push(...part.lines.split('\n').map((line) => JSON.parse(line)));
      ({ next: from, more } = part);
    }
    assert.deepEqual(
      all.map(({ seq }) => seq),
      Array.from({ length: ENTRIES }, (_, at) => at + 1),
    );
    assert.deepEqual(all[41]?.record, record(42));
    assert.deepEqual(await exported({ from: ENTRIES + 1 }), { lines: '', next: ENTRIES + 1, more: false });
  });

  it('see each change: of a record, of a time, of an order, and what is left out', async () => {
    const whole = await verify();
    assert.deepEqual([whole.whole, whole.entries], [true, ENTRIES]);
    const kept = await database.selectFrom('audit').selectAll().where('seq', '=', 1_234).executeTakeFirstOrThrow();
    for (const change of [
      { record: kept.record.replace('host.info', 'host.tag') },
      { at: '2026-01-01T00:00:00.000Z' },
      { hash: '0'.repeat(64) },
    ]) {
      await database.updateTable('audit').set(change).where('seq', '=', 1_234).execute();
      const found = await verify();
      assert.deepEqual([found.whole, found.entries, found.brokenAt], [false, 1_233, 1_234]);
      await database.updateTable('audit').set(kept).where('seq', '=', 1_234).execute();
    }
    await database.deleteFrom('audit').where('seq', '=', 1_234).execute();
    assert.equal((await verify()).brokenAt, 1_234);
    await database.insertInto('audit').values(kept).execute();
    assert.deepEqual(await verify(), whole);
  });

  it('are for administrators alone, unless a role of the site says otherwise', () => {
    const may = mayBy(
      Policy.parse({
        roles: { auditor: { allow: ['audit.*'] } },
        grants: ['viewer', 'operator', 'admin', 'auditor'].map((role) => ({ role, jid: `${role}@x.test` })),
      }),
      centralVerbs,
      { site: true },
    );
    for (const verb of Object.keys(auditVerbs))
      assert.deepEqual(
        ['viewer', 'operator', 'admin', 'auditor'].filter((role) =>
          may({ bareJid: `${role}@x.test`, fullJid: '' }, verb),
        ),
        ['admin', 'auditor'],
      );
  });
});
