import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Database, openDatabase } from '#central/database/open.ts';
import { groupWriter } from '#central/database/writer.ts';
import type { Site } from '#central/inventory/site.ts';
import { type PolicyStore, policyStore } from '#central/roles/policy-store.ts';
import { type RoomLists, roomLists } from '#central/roles/room-lists.ts';
import { roleHandlers } from '#central/verbs/role.ts';
import { readArguments } from '#shared/verb/arguments.ts';
import { holderText } from '#shared/verb/grant.ts';
import { Policy } from '#shared/verb/policy.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import { type RoleRecord, roleVerbs, type WhoRecord } from '#shared/verbs/role.ts';

const raise = (error: unknown): void => {
  throw error;
};
type Id = keyof typeof roleVerbs;
const OPS = 'ops@conference.x';

describe('role verbs', () => {
  let dir: string;
  let database: Database;
  let policies: PolicyStore;
  let rooms: RoomLists;
  const look = async (room: string): Promise<void> => {
    if (room !== OPS) rooms.failed(room, 'item-not-found');
  };
  const ask = async (who: string, verb: Id, args: Record<string, unknown> = {}): Promise<unknown> => {
    const handlers = roleHandlers({
      ...{ policies, site: {} as Site, table: centralVerbs, together: () => async () => {} },
      rooms: { own: OPS, state: rooms.state, look },
    });
    const handler = handlers[verb] as (args: object, call: object) => Promise<unknown>;
    return handler(readArguments(roleVerbs[verb], args), { verb, requester: { bareJid: who, fullJid: `${who}/x` } });
  };
  const grants = (role: string): string[] =>
    policies.kept.grants.flatMap((grant) => (grant.role === role ? [holderText(grant)] : []));

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'skerry-roles-'));
    database = await openDatabase(join(dir, 'central.sqlite'), raise);
    const configured = Policy.parse({
      roles: { day: { allow: ['@read'] } },
      grants: [
        { role: 'admin', jid: 'a@x' },
        { role: 'admin', jid: 'part@x', hosts: ['host1'] },
        { role: 'admin', jid: 'a@site.example' },
      ],
    });
    const writer = groupWriter(database);
    rooms = await roomLists(database, writer, () => Date.UTC(2026, 0, 1));
    await rooms.took(OPS, { owner: ['a@x'], admin: [], member: ['m@x', 'n@x'] });
    policies = await policyStore({ database, writer, configured, table: centralVerbs, rooms, now: Date.now });
  });
  afterEach(async () => {
    await database.destroy();
    rmSync(dir, { recursive: true });
  });

  it('grant once, however often it is asked, and revoke all of it', async () => {
    const web = { role: 'operator', jid: 'O@x', guests: ['web*'] };
    await ask('a@x', 'role.grant', web);
    await ask('a@x', 'role.grant', web);
    await ask('a@x', 'role.grant', { ...web, guests: ['db'] });
    assert.deepEqual(grants('operator'), ['o@x', 'o@x']);
    assert.equal(policies.version, 2);
    await ask('a@x', 'role.revoke', { role: 'operator', jid: 'o@X' });
    assert.deepEqual(grants('operator'), []);
  });

  it('take an empty list, as a form sends it, for none', async () => {
    await ask('a@x', 'role.grant', { role: 'viewer', jid: 'v@x', guests: [], tags: '' });
    assert.deepEqual(policies.kept.grants, [{ role: 'viewer', jid: 'v@x' }]);
  });

  it('name what is wrong, and what is like it', async () => {
    await assert.rejects(
      ask('a@x', 'role.grant', { role: 'viwer', jid: 'v@x' }),
      /no role viwer\. Did you mean viewer/,
    );
    await assert.rejects(ask('a@x', 'role.grant', { role: 'viewer', jid: 'v@x/r' }), /jid: a bare JID/);
    await assert.rejects(ask('a@x', 'role.set', { role: 'night', allow: ['guest.strat'] }), /guest\.start/);
    await assert.rejects(ask('a@x', 'role.set', { role: 'night', allow: ['Guest!'] }), /allow: use a verb/);
    await assert.rejects(ask('a@x', 'role.set', { role: 'admin', allow: ['@read'] }), /built in/);
    await assert.rejects(ask('a@x', 'role.set', { role: 'day', allow: ['*'] }), /configuration of central/);
    await assert.rejects(ask('a@x', 'role.delete', { role: 'nigth' }), /no role nigth/);
    await ask('a@x', 'role.grant', { role: 'viewer', jid: 'vera@x' });
    await assert.rejects(ask('a@x', 'role.revoke', { role: 'viewer', jid: 'vear@x' }), /vear@x does not.*vera@x/);
    await assert.rejects(ask('a@x', 'role.revoke', { role: 'admin', jid: 'a@x' }), /by the configuration/);
    await assert.rejects(ask('a@x', 'role.who', { verb: 'guest.strat' }), /guest\.start/);
  });

  it('take no bare word for a domain, which would mean everybody there', async () => {
    await assert.rejects(
      ask('a@site.example', 'role.grant', { role: 'viewer', jid: 'carol' }),
      /jid: .*carol@site\.example for one person.*site\.example, for everybody/,
    );
    assert.equal(policies.version, 0);
    await ask('a@x', 'role.grant', { role: 'viewer', jid: 'other.example' });
    // A server of one word, as at home, is known by who asks being there.
    await ask('a@x', 'role.grant', { role: 'viewer', jid: 'X' });
    assert.deepEqual(grants('viewer'), ['other.example', 'x']);
    await ask('a@x', 'role.revoke', { role: 'viewer', jid: 'x' });
    assert.deepEqual(grants('viewer'), ['other.example']);
  });

  it('grant to an affiliation of a room, by default of central’s own, and revoke it', async () => {
    await ask('a@x', 'role.grant', { role: 'operator', affiliation: 'member', guests: ['web*'] });
    await ask('a@x', 'role.grant', {
      role: 'operator',
      affiliation: 'member',
      room: OPS.toUpperCase(),
      guests: ['web*'],
    });
    assert.deepEqual(grants('operator'), [`members of ${OPS}`]);
    assert.equal(policies.version, 1);
    const start = (who: string) => policies.may({ bareJid: who, fullJid: who }, 'guest.start', { guest: 'web1' });
    assert.deepEqual(['a@x', 'm@x', 'n@x', 'o@x', OPS].map(start), [true, true, true, false, false]);
    await assert.rejects(
      ask('a@x', 'role.revoke', { role: 'operator', affiliation: 'admin' }),
      /admins of ops.*does not/,
    );
    await ask('a@x', 'role.revoke', { role: 'operator', affiliation: 'member' });
    assert.deepEqual(grants('operator'), []);
    assert.equal(start('m@x'), false);
  });

  it('say who is meant in one way, of a room that can be read, and is no person', async () => {
    const grant = (whom: object) => ask('a@x', 'role.grant', { role: 'operator', ...whom });
    await assert.rejects(grant({}), /jid: say who/);
    await assert.rejects(grant({ jid: 'm@x', affiliation: 'member' }), /jid: say either/);
    await assert.rejects(grant({ room: OPS }), /affiliation=member/);
    await assert.rejects(grant({ jid: OPS }), /is a room: say affiliation=member/);
    await assert.rejects(grant({ affiliation: 'member', room: 'osp@conference.x' }), /cannot read osp.*item-not-found/);
    await assert.rejects(grant({ affiliation: 'owners' }), /affiliation/);
    await assert.rejects(ask('part@x', 'role.grant', { role: 'operator', affiliation: 'member' }), /may not role/);
    assert.equal(policies.version, 0);
  });

  it('explain who has a role by a room, and what is not sure of it', async () => {
    await ask('a@x', 'role.grant', { role: 'operator', affiliation: 'member' });
    const who = async (by: string) =>
      ((await ask(by, 'role.who', { verb: 'guest.reboot', all: true })) as WhoRecord[])
        .filter(({ role }) => role === 'operator')
        .map(({ jid, as, may }) => [jid, as, may]);
    assert.deepEqual(await who('a@x'), [
      ['a@x', `members of ${OPS}`, true],
      ['m@x', `members of ${OPS}`, true],
      ['n@x', `members of ${OPS}`, true],
    ]);
    assert.deepEqual(await who('part@x'), [], 'a room that one is not in');
    const shown = async () => ((await ask('a@x', 'role.info', { role: 'operator' })) as RoleRecord).grants;
    assert.deepEqual(await shown(), [`members of ${OPS} (a@x, m@x, n@x) on everything`]);
    rooms.failed(OPS, 'forbidden');
    assert.match(
      (await shown()).join(),
      /n@x; as it was on 2026-01-01T00:00:00.000Z, for it cannot be read: forbidden\)/,
    );
    assert.match((await who('n@x')).join(), /cannot be read: forbidden/);
    await rooms.took(OPS, { owner: [], admin: [], member: [] });
    assert.deepEqual(await shown(), [`members of ${OPS} (nobody) on everything`]);
    assert.deepEqual(await who('a@x'), [[`members of ${OPS}`, `members of ${OPS}`, false]]);
  });

  it('do not count members of a room for administrators who are left', async () => {
    const only = Policy.parse({ grants: [] });
    const writer = groupWriter(database);
    policies = await policyStore({ database, writer, configured: only, table: centralVerbs, rooms, now: Date.now });
    const admins = [{ role: 'admin', jid: 'a@x' }, { role: 'admin', affiliation: 'owner', room: OPS } as const];
    await policies.change('a@x', (kept) => ({ ...kept, grants: admins }));
    await assert.rejects(ask('a@x', 'role.revoke', { role: 'admin', jid: 'a@x' }), /Nobody would be left/);
  });

  it('change nothing for who is an administrator of a part only', async () => {
    const args: Record<string, Record<string, unknown>> = {
      'role.grant': { role: 'admin', jid: 'part@x' },
      'role.revoke': { role: 'admin', jid: 'a@x' },
      'role.set': { role: 'night', allow: ['*'] },
      'role.delete': { role: 'night' },
    };
    for (const [verb, given] of Object.entries(args))
      await assert.rejects(ask('part@x', verb as Id, given), /may not role/, verb);
    assert.equal(policies.version, 0);
  });

  it('show each their own grants, and all of them to who may see all', async () => {
    await ask('a@x', 'role.grant', { role: 'viewer', jid: 'v@x' });
    const shown = async (who: string) => JSON.stringify(await ask(who, 'role.list'));
    assert.match(await shown('a@x'), /part@x on hosts host1/);
    assert.match(await shown('part@x'), /part@x on hosts host1/);
    assert.doesNotMatch(await shown('part@x'), /v@x/);
    const who = (await ask('part@x', 'role.who', { verb: 'guest.start', all: true })) as { jid: string }[];
    assert.deepEqual(
      who.map(({ jid }) => jid),
      ['part@x'],
    );
    const all = (await ask('a@x', 'role.who', { verb: 'guest.start', all: true })) as { jid: string; why: string }[];
    assert.deepEqual(
      all.map(({ jid, why }) => [jid, why]),
      [
        ['a@x', 'allows'],
        ['part@x', 'allows'],
        ['a@site.example', 'allows'],
        ['v@x', 'role has no such verb'],
      ],
    );
  });
});
