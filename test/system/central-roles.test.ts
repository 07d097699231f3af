import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import xml, { type Element } from '@xmpp/xml';
import { guestTable } from '#central/contacts/guest-offer.ts';
import { layoutOf } from '#provisioning/rig/layout.ts';
import { messageOf } from '#shared/errors.ts';
import { rowOf } from '#shared/verb/verb.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import type { RoleRecord, WhoRecord } from '#shared/verbs/role.ts';
import { runVerb } from '#shared/xmpp/commands-client.ts';
import { policyElement, policyQuestion } from '#shared/xmpp/policy.ts';
import { type Person, rigPerson } from './support/person.ts';
import { type TestRig, testRig, until } from './support/rig.ts';

type Way = 'central' | 'contact' | 'agent';
const WAYS: readonly Way[] = ['central', 'contact', 'agent'];

describe('roles, given by verbs', function () {
  this.timeout(180_000);
  let rig: TestRig;
  let admin: Person;
  let viewer: Person;
  let viewerJid: string;
  const central = async (who: Person, verb: keyof typeof centralVerbs, args: Record<string, unknown>) =>
    (await runVerb(who.entity, rig.central, verb, centralVerbs[verb], args)).value;
  /** What was sent to a session of the agent that has just ended is waited for in vain. */
  const atAgent = (who: Person, verb: keyof typeof agentVerbs, args: Record<string, unknown>) =>
    runVerb(who.entity, rig.agentJid('host1'), verb, agentVerbs[verb], args, { timeoutMs: 12_000 });
  /** Start a guest that runs: `allowed` and `refused` show in what is wrong with it. */
  const starts = async (who: Person, way: Way, guest: string): Promise<'allowed' | 'refused'> => {
    const verb = 'guest.start';
    try {
      if (way === 'central') await central(who, verb, { guest });
      else if (way === 'agent') await atAgent(who, verb, { guest });
      else {
        const row = rowOf(guestTable(centralVerbs), verb);
        assert.ok(row);
        await runVerb(who.entity, `${guest}@${rig.central}`, verb, row, {});
      }
    } catch (error) {
      const said = messageOf(error);
      if (/is running/.test(said)) return 'allowed';
      if (/may not guest\.start/.test(said)) return 'refused';
      throw error;
    }
    return 'allowed';
  };
  const everywhere = async (guest: string): Promise<Record<Way, string>> => {
    const said = [];
    for (const way of WAYS) said.push([way, await starts(viewer, way, guest)]);
    return Object.fromEntries(said);
  };
  const untilAtAgent = (what: 'allowed' | 'refused'): Promise<void> =>
    until(`the agent has it ${what}`, async () => (await starts(viewer, 'agent', 'venti').catch(() => '')) === what);
  const secret = (): string => join(layoutOf(rig.dir).central, 'secret.json');
  /** kill -9 of central, and it cannot come back before what this resolves with was called. */
  const holdCentral = async (): Promise<() => Promise<void>> => {
    await rename(secret(), `${secret()}.held`);
    await rig.killCentral();
    return async () => {
      await rename(`${secret()}.held`, secret());
      await until('central answers', () =>
        central(admin, 'host.list', {}).then(
          () => true,
          () => false,
        ),
      );
    };
  };
  const grant = () => central(admin, 'role.grant', { role: 'operator', jid: viewerJid, guests: ['venti'] });
  const revoke = () => central(admin, 'role.revoke', { role: 'operator', jid: viewerJid });

  before(async () => {
    rig = await testRig();
    for (const guest of ['venti', 'fossil']) await rig.ensureRunning('host1', guest);
    admin = await rigPerson(rig, 'admin');
    viewer = await rigPerson(rig, 'viewer');
    viewerJid = viewer.entity.bareJid;
    await until('host1 is heard', async () => {
      const hosts = (await central(admin, 'host.list', {}).catch(() => [])) as { name: string; state: string }[];
      return hosts.some(({ name, state }) => name === 'host1' && state === 'up');
    });
  });
  after(async () => {
    await viewer?.entity.stop();
    await admin?.entity.stop();
    for (const guest of ['venti', 'fossil']) await rig?.ensureOff('host1', guest);
  });

  it('let on one guest by every way, on no other, and say so', async () => {
    assert.deepEqual(await everywhere('venti'), { central: 'refused', contact: 'refused', agent: 'refused' });
    const { grants } = (await grant()) as RoleRecord;
    assert.ok(grants.includes(`${viewerJid} on guests venti`), grants.join());
    await untilAtAgent('allowed');
    assert.deepEqual(await everywhere('venti'), { central: 'allowed', contact: 'allowed', agent: 'allowed' });
    assert.deepEqual(await everywhere('fossil'), { central: 'refused', contact: 'refused', agent: 'refused' });
    const who = (await central(admin, 'role.who', { verb: 'guest start', guest: 'venti' })) as WhoRecord[];
    assert.deepEqual(
      who.filter(({ jid }) => jid === viewerJid),
      [{ jid: viewerJid, may: true, role: 'operator', on: 'guests venti', why: 'allows', from: 'verbs' }],
    );
    const others = (await central(admin, 'role.who', {
      verb: 'guest.start',
      guest: 'fossil',
      all: true,
    })) as WhoRecord[];
    assert.deepEqual(
      others.filter(({ jid, role }) => jid === viewerJid && role === 'operator').map(({ why }) => why),
      ['other guests'],
    );
  });

  it('cannot be given, nor a policy told, by who may not', async () => {
    for (const jid of [viewerJid, 'mallory@skerry.test'])
      await assert.rejects(central(viewer, 'role.grant', { role: 'admin', jid }), /may not role\.grant/);
    const all = { version: Date.now() * 4, policy: { roles: {}, grants: [{ role: 'admin', jid: viewerJid }] } };
    await assert.rejects(viewer.set(rig.agentJid('host1'), policyElement(all)), /may not say who may do what/);
    await assert.rejects(admin.set(rig.agentJid('host1'), policyElement(all)), /may not say who may do what/);
    await assert.rejects(viewer.get(rig.central, policyQuestion(0)), /may not ask for the policy/);
    assert.equal(await starts(viewer, 'agent', 'fossil'), 'refused');
  });

  it('are nobody’s to widen who has them on one guest', async () => {
    await central(admin, 'role.grant', { role: 'admin', jid: viewerJid, guests: ['venti'] });
    await assert.rejects(central(viewer, 'role.grant', { role: 'admin', jid: viewerJid }), /may not role\.grant/);
    await central(admin, 'role.revoke', { role: 'admin', jid: viewerJid });
    await assert.rejects(central(admin, 'role.revoke', { role: 'admin', jid: admin.entity.bareJid }), /configuration/);
  });

  it('hold while central is dead, at an agent that was started meanwhile too', async () => {
    const back = await holdCentral();
    try {
      assert.equal(await starts(viewer, 'agent', 'venti'), 'allowed');
      assert.equal(await starts(viewer, 'agent', 'fossil'), 'refused');
      await rig.killAgent('host1');
      await untilAtAgent('allowed');
      assert.equal(await starts(viewer, 'agent', 'fossil'), 'refused');
    } finally {
      await back();
    }
    assert.equal(await starts(viewer, 'central', 'venti'), 'allowed');
  });

  it('hold at an agent not before central has answered it, where central is there', async () => {
    const { pid } = rig.part('central');
    // What starts it inside the server (nsenter) stops when it does, and goes on when it is told to itself.
    const starter = Number(/\) \w (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]);
    process.kill(pid, 'SIGSTOP');
    try {
      await rig.killAgent('host1');
      await until('its agent is back', () =>
        starts(admin, 'agent', 'venti').then(
          () => true,
          () => false,
        ),
      );
      assert.equal(await starts(viewer, 'agent', 'venti'), 'refused');
    } finally {
      process.kill(pid, 'SIGCONT');
      process.kill(starter, 'SIGCONT');
    }
    await untilAtAgent('allowed');
  });

  it('are taken away everywhere, from an agent that was away too', async () => {
    await rig.cutLink('host1');
    try {
      await revoke();
      assert.equal(await starts(viewer, 'central', 'venti').catch(messageOf), 'refused');
      assert.equal(await starts(viewer, 'contact', 'venti').catch(messageOf), 'refused');
      await rig.killAgent('host1');
    } finally {
      await rig.mendLink('host1');
    }
    const said: string[] = [];
    await until('its agent is back, and refuses', async () => {
      said.push(await starts(viewer, 'agent', 'venti').catch(() => 'away'));
      return said.at(-1) === 'refused';
    });
    assert.ok(!said.includes('allowed'), said.join());
    await until(
      'central hears it',
      async () => (await starts(admin, 'central', 'venti').catch(() => '')) === 'allowed',
    );
    assert.deepEqual(await everywhere('venti'), { central: 'refused', contact: 'refused', agent: 'refused' });
  });

  it('of the site’s own come and go, and leave the contacts as they are', async () => {
    const role = 'night';
    await central(admin, 'role.set', { role, allow: ['guest.*'], deny: ['@destroy'] });
    await central(admin, 'role.grant', { role, jid: rig.account('operator').jid, guests: ['venti'] });
    await assert.rejects(central(admin, 'role.delete', { role }), /revoke it first/);
    await central(admin, 'role.revoke', { role, jid: rig.account('operator').jid });
    await central(admin, 'role.delete', { role });
    await assert.rejects(central(admin, 'role.info', { role: 'nigth' }), /no role nigth/);
    const roster = (await viewer.get(undefined, xml('query', { xmlns: 'jabber:iq:roster' }))) as Element;
    assert.ok(roster.toString().includes(`venti@${rig.central}`), 'a viewer sees all guests as before');
  });
});
