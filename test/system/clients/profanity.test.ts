import assert from 'node:assert/strict';
import { testRig } from '#test/system/support/rig.ts';
import { type Profanity, profanity } from './profanity.ts';

describe('Profanity, a client that others wrote', function () {
  this.timeout(120_000);
  let client: Profanity | undefined;
  afterEach(() => client?.close());

  const login = async (role: string): Promise<Profanity> => {
    const rig = await testRig();
    client = await profanity(rig.account(role), rig.xmpp, rig.ca);
    await client.shows(/rig logged in successfully|logged in successfully/);
    return client;
  };

  it('lists the commands of an agent, runs one with a form, and libvirt has it done', async () => {
    const rig = await testRig();
    await rig.ensureOff('host1', 'fossil');
    const operator = await login('operator');
    await operator.type(`/cmd list ${rig.agentJid('host1')}`);
    await operator.shows(/urn:skerry:verb:1#guest\.start/);
    await operator.type(`/cmd exec urn:skerry:verb:1#guest.start ${rig.agentJid('host1')}`);
    const form = await operator.shows(/\[field\d+\].*Guest|Guest.*\[field\d+\]/i);
    const field = /\[(field\d+)\][^\n]*Guest|Guest[^\n]*\[(field\d+)\]/i.exec(form);
    await operator.type(`/${field?.[1] ?? field?.[2]} fossil`);
    await operator.type('/form submit');
    await operator.shows(/State: running/);
    assert.equal((await rig.virsh('host1', ['domstate', 'fossil'])).trim(), 'running');
  });

  it('is answered in chat', async () => {
    const rig = await testRig();
    const viewer = await login('viewer');
    await viewer.type(`/msg ${rig.bareJid('host1')}`);
    await viewer.type('guest list');
    const screen = await viewer.shows(/venti · /);
    assert.match(screen, /fossil · /);
  });
});
