import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { type EnrolmentDeps, enrolment } from '#central/enrolment/enrolment.ts';
import { Failure } from '#shared/errors.ts';

describe('a host that is enrolled again', () => {
  /** Enrol a host that is there. @returns what was done to its account and to its token */
  async function enrolledAgain(ca: string | undefined, api: () => Promise<string>, code: string): Promise<string[]> {
    const done: string[] = [];
    const deps = {
      writer: { write: async () => void done.push('token') },
      site: { findHost: () => ({ name: 'host1' }) },
      api: async (command: string) => {
        done.push(command);
        return await api();
      },
      domain: 'example.org',
      join: { service: 'xmpp.example.org', ca },
      now: Date.now,
      audit: () => {},
    } as unknown as EnrolmentDeps;
    await assert.rejects(enrolment(deps).enrol('host1', 24, true, 'ada@example.org'), { code });
    return done;
  }

  it('keeps its account where its line cannot be told: no token is left to run out', async () => {
    assert.deepEqual(await enrolledAgain('/nowhere/ca.pem', async () => '', 'setup-needed'), []);
  });

  it('keeps its account where the server is away: no token is left to run out', async () => {
    const api = async (): Promise<never> => {
      throw new Failure('server-unreachable', { service: 'ejabberd' });
    };
    assert.deepEqual(await enrolledAgain(undefined, api, 'server-unreachable'), ['check_account']);
  });
});
