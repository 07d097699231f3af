import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { openDatabase } from '#agent/journal/database.ts';
import { agentJournal } from '#agent/journal/journal.ts';
import { recover } from '#agent/journal/recover.ts';
import type { Facts } from '#agent/journal/settle.ts';
import { Failure } from '#shared/errors.ts';
import type { Guest, GuestState } from '#shared/model/guest.ts';
import type { AuditRecord, Request } from '#shared/verb/request.ts';
import { guestOf } from '#test/unit/support/guest.ts';

const guest = (state: GuestState): Guest => guestOf('venti', { uuid: 'u', state });
const request = (verb: string, operation = 'op-1'): Request => ({
  verb,
  args: {},
  operation,
  surface: 'form',
  confirmed: true,
  requester: { bareJid: 'a@skerry.test', fullJid: 'a@skerry.test/x' },
});
const record = (verb: string): AuditRecord => ({
  at: '2026-11-21T00:00:00.000Z',
  verb,
  requester: { bareJid: 'a@skerry.test', fullJid: 'a@skerry.test/x' },
  surface: 'form',
  operation: 'op-1',
  args: {},
  outcome: 'done',
  tookMs: 1,
});

describe('journal of the agent', () => {
  let folder = '';
  let now: Facts = { guest: guest('shutoff') };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'skerry-journal-'));
    now = { guest: guest('shutoff') };
  });
  afterEach(() => {
    if (database?.isOpen) database.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** As a new run of the agent finds it; what the one before held in memory is gone. */
  let database: DatabaseSync | undefined;
  const opened = () => {
    if (database?.isOpen) database.close();
    database = openDatabase(join(folder, 'agent.sqlite'));
    const journal = agentJournal({ database, factsOf: async () => now, now: () => 0, onBug: assert.fail });
    const judge = () => recover({ journal, factsOf: async () => now, now: () => 0, log: { warn: () => {} } });
    return { database, journal, judge };
  };

  it('keeps what was not waited for open, and finds out how it ended when it is asked again', async () => {
    const { journal } = opened();
    const asked = request('guest.start');
    await journal.begin(asked, { guest: 'venti' }, {});
    const late = { outcome: 'failed', code: 'verb-timeout', details: { verb: 'guest.start', timeoutS: 60 } } as const;
    journal.end(asked, late, { ...record('guest.start'), outcome: 'verb-timeout' });
    journal.flush();
    assert.equal(journal.find(asked, { guest: 'venti' }), undefined);
    now = { guest: guest('running') };
    const found = await journal.begin(asked, { guest: 'venti' }, {});
    assert.deepEqual(found, { outcome: 'done', value: guest('running') });
  });

  it('answers the same id with what was recorded, also in another run', async () => {
    const { journal } = opened();
    await journal.begin(request('guest.start'), { guest: 'venti' }, {});
    assert.equal(journal.find(request('guest.start'), { guest: 'venti' }), undefined);
    journal.end(request('guest.start'), { outcome: 'done', value: 7 }, record('guest.start'));
    assert.deepEqual(opened().journal.find(request('guest.start'), { guest: 'venti' }), { outcome: 'done', value: 7 });
  });

  it('never begins what another operation took the place of, also in another run; what was begun stays as it is', async () => {
    const { journal } = opened();
    await journal.begin(request('guest.start', 'begun'), { guest: 'venti' }, {});
    journal.supersede?.(request('guest.poweroff'), ['begun', 'late']);
    const superseded = { outcome: 'failed', code: 'operation-superseded', details: { operation: 'late' } };
    assert.deepEqual(journal.find(request('guest.start', 'late'), { guest: 'venti' }), superseded);
    // It had waited for its turn, and was not in the journal when it was looked for.
    assert.deepEqual(await journal.begin(request('guest.start', 'late'), { guest: 'venti' }, {}), superseded);
    assert.equal(journal.find(request('guest.start', 'begun'), { guest: 'venti' }), undefined);
    const again = opened().journal;
    assert.deepEqual(again.find(request('guest.start', 'late'), { guest: 'venti' }), superseded);
    const other = { bareJid: 'b@skerry.test', fullJid: 'b@skerry.test/x' };
    assert.equal(again.find({ ...request('guest.start', 'late'), requester: other }, {}), undefined);
  });

  it('refuses the id for another verb or other arguments; another account has ids of its own', async () => {
    const { journal } = opened();
    await journal.begin(request('guest.start'), { guest: 'venti' }, { guest: 'venti' });
    const refusal = (error: unknown): boolean => error instanceof Failure && error.code === 'operation-mismatch';
    assert.throws(() => journal.find(request('guest.start'), { guest: 'fossil' }), refusal);
    assert.throws(() => journal.find(request('guest.reboot'), { guest: 'venti' }), refusal);
    assert.equal(
      journal.find({ ...request('guest.reboot'), requester: { bareJid: 'b@x', fullJid: 'b@x/y' } }, {}),
      undefined,
    );
  });

  const cutOff = async (verb: string, before: GuestState, after: GuestState) => {
    now = { guest: guest(before) };
    await opened().journal.begin(request(verb), { guest: 'venti' }, { guest: 'venti' });
    now = { guest: guest(after) };
    const again = opened();
    await again.judge();
    return again.journal.find(request(verb), { guest: 'venti' });
  };

  it('finds out after a crash that it took effect', async () => {
    assert.deepEqual(await cutOff('guest.start', 'shutoff', 'running'), { outcome: 'done', value: guest('running') });
    assert.equal(opened().journal.open().length, 0);
  });

  it('releases the id after a crash before the effect, so that it can be carried out now', async () => {
    assert.equal(await cutOff('guest.start', 'shutoff', 'shutoff'), undefined);
    const { journal } = opened();
    await journal.begin(request('guest.start'), { guest: 'venti' }, { guest: 'venti' });
    assert.equal(journal.open().length, 1);
  });

  it('never repeats what nobody can look at', async () => {
    const recorded = await cutOff('guest.reboot', 'running', 'running');
    assert.deepEqual(recorded, { outcome: 'failed', code: 'operation-uncertain', details: { operation: 'op-1' } });
  });

  it('puts what was recovered into the audit trail', async () => {
    now = { guest: guest('running') };
    const { journal, judge } = opened();
    await journal.begin(request('guest.poweroff', 'op-2'), { guest: 'venti' }, { guest: 'venti' });
    now = { guest: guest('shutoff') };
    await judge();
    assert.equal(journal.auditTrail(10)[0]?.verb, 'guest.poweroff');
  });

  it('keeps the order of the trail, and writes reads in batches', () => {
    const { journal } = opened();
    for (let n = 0; n < 450; n++) journal.audit({ ...record('guest.info'), operation: String(n) });
    const trail = journal.auditTrail(1000);
    assert.equal(trail.length, 450);
    assert.deepEqual(
      trail.map((each) => Number(each.operation)),
      Array.from({ length: 450 }, (_, n) => 449 - n),
    );
  });

  it('says that a damaged file is one, and does not replace it', () => {
    const file = join(folder, 'agent.sqlite');
    writeFileSync(
      file,
      'this is no database, and it is longer than a header of SQLite would be, so that it is looked at.'.repeat(20),
    );
    assert.throws(
      () => opened(),
      (error: unknown) => error instanceof Failure && error.code === 'config-invalid' && error.message.includes(file),
    );
  });

  it('says so when the disk is full, and goes on when it has room', async () => {
    const { database, journal } = opened();
    database.exec('PRAGMA max_page_count=20');
    const full = async (): Promise<void> => {
      for (let n = 0; n < 10_000; n++)
        await journal.begin(request('guest.start', `op-${n}`), { guest: 'x'.repeat(200) }, { guest: 'x'.repeat(200) });
    };
    await assert.rejects(full, (error: unknown) => error instanceof Failure && error.code === 'host-space');
    database.exec('PRAGMA max_page_count=100000');
    await journal.begin(request('guest.start', 'after'), { guest: 'venti' }, { guest: 'venti' });
  });
});
