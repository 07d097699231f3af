import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { type EnrolmentDeps, enrolment } from '#central/enrolment/enrolment.ts';

describe('a host that is enrolled again', () => {
  it('keeps its account where its line cannot be told: no token is left to run out', async () => {
    const done: string[] = [];
    const deps = {
      writer: { write: async () => void done.push('token') },
      site: { findHost: () => ({ name: 'host1' }) },
      api: async (command: string) => void done.push(command),
      domain: 'example.org',
      join: { service: 'xmpp.example.org', ca: '/nowhere/ca.pem' },
      now: Date.now,
      audit: () => {},
    } as unknown as EnrolmentDeps;
    await assert.rejects(enrolment(deps).enrol('host1', 24, true, 'ada@example.org'), { code: 'setup-needed' });
    assert.deepEqual(done, []);
  });
});
