import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { type Database, openDatabase } from '#central/database/open.ts';
import { groupWriter, type Writes } from '#central/database/writer.ts';
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

describe('a host that joins while central ends', () => {
  const JID = 'host5@example.org';
  const OWN = 'the-password-that-the-host-chose-itself';
  /** Central was killed there. */
  class Killed extends Error {}

  let folder: string;
  let database: Database;
  const password = new Map<string, string>();
  const audited: string[] = [];
  let hour = 0;
  /** Happens while the server is asked something. */
  let whenAsked = (): void => {};
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skerry-enrolment-'));
    database = await openDatabase(join(folder, 'central.sqlite'), (error) => assert.fail(String(error)));
    password.clear();
    audited.length = 0;
    hour = 0;
  });
  afterEach(async () => {
    await database.destroy();
    await rm(folder, { recursive: true });
  });

  /** A life of central, which ends right before its `end`-th step that others see, or right after it. */
  function life(end = Number.POSITIVE_INFINITY, when: 'before' | 'after' = 'before') {
    let steps = 0;
    const writer = groupWriter(database);
    const step = async <T>(does: () => Promise<T>): Promise<T> => {
      const n = ++steps;
      if (n > end || (n === end && when === 'before')) throw new Killed();
      const done = await does();
      if (n === end) throw new Killed();
      return done;
    };
    const api = async (command: string, args: { user: string; password?: string; newpass?: string }) => {
      whenAsked();
      if (command === 'check_account') return password.has(args.user) ? 0 : 1;
      if (command === 'check_password') return password.get(args.user) === args.password ? 0 : 1;
      if (command === 'change_password' || command === 'register')
        return await step(async () => password.set(args.user, args.newpass ?? args.password ?? ''));
      if (command === 'unregister') return await step(async () => password.delete(args.user));
      return [];
    };
    const central = enrolment({
      database,
      writer: { ...writer, write: (writes: Writes) => step(() => writer.write(writes)) },
      site: {
        findHost: () => undefined,
        hostByJid: (jid: string) => ({ name: jid.split('@')[0] }),
        host: () => ({ known: { guests: new Map() } }),
        enrol: async () => {},
        forget: async () => {},
      },
      api,
      domain: 'example.org',
      join: undefined,
      now: () => hour * 3_600_000,
      audit: (_host: string, _jid: string, outcome: string) => audited.push(`${outcome} at once`),
      audited: (_host: string, _jid: string, outcome: string) => async () => void audited.push(outcome),
    } as unknown as EnrolmentDeps);
    return { central, reached: () => steps >= end };
  }

  /** As provisioning/enrol/join-site.ts does it: with its token, else with its own. @returns whether it was told that it joined */
  async function joins({ central }: ReturnType<typeof life>, token: string): Promise<boolean> {
    const login = [token, OWN].find((each) => each === password.get('host5'));
    if (login === undefined) return false;
    return await central.join(JID, OWN).then(
      () => true,
      (error: unknown) => {
        if (error instanceof Killed) return false;
        throw error;
      },
    );
  }
  const enrolled = async (): Promise<string> => {
    const { token, command } = await life().central.enrol('host5', 24, false, 'ada@example.org');
    assert.equal(
      command,
      `echo ${token} | ./skerry install host --token -`,
      'a line that shows it in no list of processes',
    );
    return token.slice(JID.length + 1);
  };

  for (const when of ['before', 'after'] as const)
    it(`has its account for good once it is told so, right ${when} each step`, async () => {
      for (let end = 1, isOver = false; !isOver; end++) {
        await database.deleteFrom('tokens').execute();
        password.clear();
        hour = 0;
        const token = await enrolled();
        const first = life(end, when);
        const isTold = await joins(first, token);
        isOver = !first.reached();
        assert.equal(isTold, isOver, `step ${end}`);
        if (!isTold) assert.ok(await joins(life(), token), `it is let in when it tries again after step ${end}`);
        hour = 48;
        await life().central.sweep();
        assert.equal(password.get('host5'), OWN, `step ${end}`);
        assert.ok(await joins(life(), token), 'it is told again where it did not hear it');
        assert.ok(isOver || end < 10);
      }
      assert.ok(!audited.some((each) => each.includes('refused')), audited.join());
    });

  it('... and gets none where it did not come in time, right before and after each step of that', async () => {
    for (const when of ['before', 'after'] as const)
      for (let end = 1, isOver = false; !isOver; end++) {
        hour = 0;
        const token = await enrolled();
        // The one before ended when the server had the new password, and nobody tried again.
        await joins(life(1, 'after'), token);
        hour = 48;
        const sweeping = life(end, when);
        await sweeping.central.sweep().catch((error) => assert.ok(error instanceof Killed));
        isOver = !sweeping.reached();
        await life().central.sweep();
        assert.notEqual(password.get('host5'), OWN);
        assert.notEqual(password.get('host5'), token);
        assert.deepEqual(await database.selectFrom('tokens').selectAll().execute(), []);
        assert.ok(isOver || end < 10);
      }
  });

  it('may finish late what it began in time, while its token is not taken back', async () => {
    const token = await enrolled();
    assert.equal(await joins(life(1, 'after'), token), false);
    hour = 25;
    assert.ok(await joins(life(), token));
    await life().central.sweep();
    assert.equal(password.get('host5'), OWN);
    assert.deepEqual(audited, ['done']);
  });

  it('is not one that hands in another password when its token is used', async () => {
    const token = await enrolled();
    assert.ok(await joins(life(), token));
    await assert.rejects(life().central.join(JID, 'another-password-of-24-characters'), { code: 'token-refused' });
    assert.equal(password.get('host5'), OWN);
  });

  it('is not shut out by a sweep of that moment, nor made an account anew when it is forgotten', async () => {
    const token = await enrolled();
    const { central } = life();
    let sweeping: Promise<void> | undefined;
    whenAsked = () => {
      hour = 25;
      sweeping ??= central.sweep();
    };
    assert.ok(await joins({ central, reached: () => false }, token));
    assert.ok(sweeping);
    await sweeping;
    assert.equal(password.get('host5'), OWN);
    whenAsked = () => {};
    hour = 0;
    await enrolled();
    hour = 48;
    await Promise.all([central.forget('host5', () => async () => {}), central.sweep()]);
    assert.ok(!password.has('host5'));
  });
});
