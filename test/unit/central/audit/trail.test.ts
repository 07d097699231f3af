import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AuditTrail, auditTrail } from '#central/audit/trail.ts';
import { type Database, openDatabase } from '#central/database/open.ts';
import { groupWriter, type Writer } from '#central/database/writer.ts';
import type { AuditRecord } from '#shared/verb/request.ts';
import { manualClock } from '#test/unit/support/manual-clock.ts';

const fail = (error: unknown): never => {
  throw error;
};
const record = (n: number): AuditRecord => ({
  at: new Date(Date.UTC(2026, 0, 1) + n).toISOString(),
  verb: 'host.info',
  requester: { bareJid: 'ann@x.test', fullJid: 'ann@x.test/1' },
  surface: 'form',
  operation: `op${n}`,
  args: { host: 'host1' },
  outcome: 'done',
  tookMs: 1,
});
const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);

describe('the audit trail', () => {
  let folder: string;
  let database: Database;
  let writes: number;
  let isFull: boolean;
  let bugs: unknown[];
  let trail: AuditTrail;
  let clock: ReturnType<typeof manualClock>;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'skerry-trail-'));
    database = await openDatabase(join(folder, 'central.sqlite'), fail);
    const grouped = groupWriter(database);
    writes = 0;
    isFull = false;
    bugs = [];
    const writer: Writer = {
      ...grouped,
      write: (work) => {
        writes++;
        return isFull ? Promise.reject(new Error('full')) : grouped.write(work);
      },
    };
    clock = manualClock();
    trail = auditTrail(database, writer, (error) => bugs.push(error), clock.after);
  });
  afterEach(async () => {
    await trail.flush();
    await database.destroy();
    rmSync(folder, { recursive: true });
  });
  const kept = async (): Promise<string[]> =>
    (await trail.from(1, 10_000)).map(({ record: { operation } }) => operation);
  const named = (from: number, to: number): string[] => numbers(from, to).map((n) => `op${n}`);

  it('writes many records in few goes, all of them, chained in their order', async () => {
    for (const n of numbers(1, 1_250)) {
      trail.add(record(n));
      if (n % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(await kept(), named(1, 1_250));
    // The first at once, and what came since in pages of a thousand.
    assert.equal(writes, 3);
    assert.deepEqual((await trail.verify()).entries, 1_250);
    assert.equal((await trail.verify()).brokenAt, undefined);
  });

  it('writes by itself what was added last, and what is read has it before that', async () => {
    trail.add(record(1));
    await trail.flush();
    trail.add(record(2));
    const inTable = async (): Promise<number> => (await database.selectFrom('audit').select('seq').execute()).length;
    assert.equal(await inTable(), 1);
    assert.deepEqual(await kept(), named(1, 2));
    trail.add(record(3));
    assert.equal(await inTable(), 2);
    clock.advance(1_000);
    while ((await inTable()) < 3) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(await kept(), named(1, 3));
  });

  it('does not gather what is to stand there before it is known elsewhere', async () => {
    trail.add(record(1));
    await trail.flush();
    trail.add(record(2));
    await Promise.all([trail.keep(record(3)), trail.keep(record(4))]);
    assert.equal((await database.selectFrom('audit').select('seq').execute()).length, 4);
    assert.deepEqual(await kept(), named(1, 4));
  });

  it('has what was appended with a change in one chain with what was gathered', async () => {
    trail.add(record(1));
    await trail.flush();
    trail.add(record(3));
    await database.transaction().execute(async (transaction) => {
      await trail.append(transaction, record(2));
    });
    assert.deepEqual(await kept(), named(1, 3));
    assert.equal((await trail.verify()).brokenAt, undefined);
  });

  it('keeps what could not be written, says so, and writes it once when it can', async () => {
    isFull = true;
    for (const n of numbers(1, 20)) trail.add(record(n));
    await trail.flush();
    assert.ok(bugs.length > 0);
    assert.equal((await database.selectFrom('audit').select('seq').execute()).length, 0);
    trail.add(record(21));
    isFull = false;
    assert.deepEqual(await kept(), named(1, 21));
    assert.equal((await trail.verify()).entries, 21);
  });
});
