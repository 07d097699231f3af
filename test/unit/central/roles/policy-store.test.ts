import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { type Database, openDatabase } from '#central/database/open.ts';
import { groupWriter } from '#central/database/writer.ts';
import { policyStore } from '#central/roles/policy-store.ts';
import { Policy, policyOf } from '#shared/verb/policy.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { centralVerbs } from '#shared/verbs/central.ts';

const who = (jid: string) => ({ bareJid: jid, fullJid: `${jid}/x` });
const raise = (error: unknown): void => {
  throw error;
};

describe('the policy that verbs change', () => {
  let dir: string;
  let database: Database;
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'skerry-roles-'));
    database = await openDatabase(join(dir, 'central.sqlite'), raise);
  });
  afterEach(async () => {
    await database.destroy();
    rmSync(dir, { recursive: true });
  });
  const open = (configured: object = { grants: [{ role: 'admin', jid: 'a@x' }] }) =>
    policyStore({
      database,
      writer: groupWriter(database),
      configured: Policy.parse(configured),
      table: centralVerbs,
      alsoKnown: agentVerbs,
      now: () => Date.UTC(2026, 0, 2),
    });
  const granted = (role: string, jid: string) => (kept: Policy) => ({
    ...kept,
    grants: [...kept.grants, { role, jid }],
  });

  it('holds from one question to the next, and after a restart, and is told of', async () => {
    const store = await open();
    let told = 0;
    store.onChange(() => {
      told += 1;
    });
    assert.equal(store.may(who('v@x'), 'guest.list'), false);
    await store.change('a@x', granted('viewer', 'v@x'));
    assert.equal(store.may(who('v@x'), 'guest.list'), true);
    assert.equal(told, 1);
    const again = await open();
    assert.equal(again.version, 1);
    assert.equal(again.may(who('v@x'), 'guest.list'), true);
    assert.equal(again.may(who('v@x'), 'guest.start'), false);
  });

  it('keeps every version, with who made it and when', async () => {
    const store = await open();
    await store.change('a@x', granted('viewer', 'v@x'));
    await store.change('b@x', (kept) => kept);
    await store.change('b@x', () => ({ roles: {}, grants: [] }));
    const rows = await database.selectFrom('policies').selectAll().orderBy('version').execute();
    assert.deepEqual(
      rows.map(({ version, by, at, policy }) => [Number(version), by, at, JSON.parse(policy).grants.length]),
      [
        [1, 'a@x', '2026-01-02T00:00:00.000Z', 1],
        [2, 'b@x', '2026-01-02T00:00:00.000Z', 0],
      ],
    );
  });

  it('refuses a pattern that no verb is like, and names those that are', async () => {
    const store = await open();
    const make = (allow: string[], deny: string[]) => (kept: Policy) => ({
      ...kept,
      roles: { night: { allow, deny } },
    });
    await assert.rejects(store.change('a@x', make(['gest.*'], [])), /allow: no verb is like gest\.\*\..*guest\.\*/);
    await assert.rejects(store.change('a@x', make(['@read'], ['guest.strat'])), /deny: .*guest\.start/);
    assert.equal(store.version, 0);
    await store.change('a@x', make(['console.watch'], []));
  });

  it('does not let the last administrator go, one on some guests being none', async () => {
    const store = await open({});
    await store.change('a@x', granted('admin', 'a@x'));
    const without = (jid: string) => (kept: Policy) => ({
      ...kept,
      grants: kept.grants.filter((grant) => grant.jid !== jid),
    });
    await store.change('a@x', (kept) => ({
      ...kept,
      grants: [
        ...kept.grants,
        { role: 'admin', jid: 'b@x', guests: ['venti'] },
        { role: 'admin', jid: 'c@x', hosts: ['host1'] },
      ],
    }));
    await assert.rejects(store.change('a@x', without('a@x')), /Nobody would be left/);
    assert.equal(store.may(who('a@x'), 'role.grant', { guest: '' }), true);
    await store.change('a@x', granted('admin', 'x.test'));
    await store.change('a@x', without('a@x'));
  });

  it('has the configuration on top, whatever verbs say', async () => {
    const store = await open({
      roles: { night: { allow: ['@read'] } },
      grants: [
        { role: 'admin', jid: 'a@x' },
        { role: 'night', jid: 'n@x' },
      ],
    });
    await store.change('a@x', () => ({ roles: { night: { allow: ['*'], deny: [] } }, grants: [] }));
    assert.equal(store.may(who('n@x'), 'guest.start'), false);
    assert.equal(store.may(who('a@x'), 'guest.start'), true);
  });

  it('changes nothing where it cannot be written', async () => {
    const store = await open();
    await database.schema.dropTable('policies').execute();
    await assert.rejects(store.change('a@x', granted('admin', 'v@x')));
    assert.equal(store.may(who('v@x'), 'guest.start'), false);
    assert.equal(store.version, 0);
  });

  it('answers as a policy made of both parts would, after any changes at once', async () => {
    const grants = fc.array(
      fc.record({
        role: fc.constantFrom('viewer', 'operator', 'admin', 'gone'),
        jid: fc.constantFrom('v@x', 'w@x', 'x.test', 'a@x.test'),
      }),
      { maxLength: 4 },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(grants, { maxLength: 5 }), async (changes) => {
        await database.deleteFrom('policies').execute();
        const store = await open();
        await Promise.all(changes.map((next) => store.change('a@x', () => ({ roles: {}, grants: next }))));
        const last = changes.at(-1) ?? [];
        const configured = { role: 'admin', jid: 'a@x' };
        const model = policyOf({ roles: {}, grants: [configured, ...last] }, centralVerbs, { site: true });
        for (const reading of [store, await open()])
          for (const jid of ['v@x', 'w@x', 'a@x', 'a@x.test', 'z@x'])
            for (const verb of ['guest.list', 'guest.start', 'role.grant'])
              assert.equal(reading.may(who(jid), verb), model.may(who(jid), verb), `${jid} ${verb}`);
      }),
      { numRuns: 40 },
    );
  });
});
