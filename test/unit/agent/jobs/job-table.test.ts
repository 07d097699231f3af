import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jobTable } from '#agent/jobs/job-table.ts';
import { openDatabase } from '#agent/journal/database.ts';
import { auditRecord } from '#shared/verb/audit.ts';
import { migrationVerbs } from '#shared/verbs/migration.ts';

const key = '0f'.repeat(32);
const ARGS = { guest: 'venti', uuid: 'u', to: 'host2', address: '10.0.0.2', port: 49_152, told: '{}', key };
const REQUEST = {
  ...{ verb: 'guest.migrate', surface: 'central' as const, operation: 'op1' },
  requester: { bareJid: 'central.x', fullJid: 'central.x' },
};

describe('the table of jobs of an agent', () => {
  it('keeps a secret for as long as the job may have to be begun anew, and no longer', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'skerry-jobs-'));
    const database = openDatabase(join(folder, 'agent.sqlite'));
    try {
      const table = jobTable(database);
      const { verb, requester } = REQUEST;
      const begun = { verb, target: 'venti', state: 'running' as const, progress: 'begun', startedAt: '2026-01-01' };
      const job = await table.add((id) => ({ id, ...begun, requester: requester.bareJid }), ARGS, REQUEST, 'op1');
      assert.deepEqual(table.running()[0]?.args, ARGS);
      const times = { beganAt: 0, endedAt: 1 };
      const record = auditRecord(REQUEST, migrationVerbs['guest.migrate'], ARGS, { outcome: 'done', value: {} }, times);
      await table.end({ ...job, state: 'done', outcome: 'done' }, record);
      const [row] = database.prepare('SELECT * FROM jobs').all();
      assert.ok(row && !JSON.stringify(row).includes(key), JSON.stringify(row));
      assert.equal(table.find(job.id)?.state, 'done');
    } finally {
      database.close();
      await rm(folder, { recursive: true });
    }
  });
});
