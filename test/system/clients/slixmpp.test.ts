import assert from 'node:assert/strict';
import { testRig } from '#test/system/support/rig.ts';
import { slixmpp } from './slixmpp.ts';

const node = (verb: string): string => `urn:skerry:verb:1#${verb}`;

describe('slixmpp, a client that others wrote', function () {
  this.timeout(120_000);

  it('lists for each role what it may do, and nothing else', async () => {
    const rig = await testRig();
    const [admin] = await slixmpp(rig.file, 'admin', rig.agentJid('host1'), [{ do: 'list' }]);
    const [viewer] = await slixmpp(rig.file, 'viewer', rig.agentJid('host1'), [{ do: 'list' }]);
    assert.ok(admin?.nodes?.includes(node('guest.start')));
    assert.ok(viewer?.nodes?.includes(node('guest.list')));
    assert.ok(!viewer?.nodes?.includes(node('guest.start')), 'a viewer is not shown guest.start');
  });

  it('starts a guest by its form, and libvirt has it running', async () => {
    const rig = await testRig();
    await rig.ensureOff('host1', 'venti');
    const [result] = await slixmpp(rig.file, 'operator', rig.agentJid('host1'), [
      { do: 'run', node: node('guest.start'), forms: [{ guest: 'venti' }] },
    ]);
    const [form, end] = result?.stages ?? [];
    assert.equal(form?.status, 'executing');
    assert.ok(form?.fields.guest?.options.includes('venti'), 'the form offers the guests');
    assert.equal(end?.status, 'completed');
    assert.equal((await rig.virsh('host1', ['domstate', 'venti'])).trim(), 'running');
  });

  it('reads a table of guests', async () => {
    const rig = await testRig();
    const [result] = await slixmpp(rig.file, 'viewer', rig.agentJid('host2'), [
      { do: 'run', node: node('guest.list'), forms: [{}] },
    ]);
    const end = result?.stages?.at(-1);
    assert.deepEqual(end?.items.map((item) => item.name).sort(), ['annex', 'cpu1', 'cpu2']);
    assert.ok(end?.columns.includes('state'));
  });

  it('goes through the second stage of a verb that may lose work, and cancels it', async () => {
    const rig = await testRig();
    await rig.ensureRunning('host1', 'venti');
    const run = (forms: (Record<string, string> | 'cancel')[]) =>
      slixmpp(rig.file, 'operator', rig.agentJid('host1'), [{ do: 'run', node: node('guest.poweroff'), forms }]);

    const [cancelled] = await run([{ guest: 'venti' }, 'cancel']);
    assert.deepEqual(
      cancelled?.stages?.map((stage) => stage.status),
      ['executing', 'executing', 'canceled'],
    );
    assert.ok(cancelled?.stages?.[1]?.fields.confirm, 'the second stage asks');
    assert.equal((await rig.virsh('host1', ['domstate', 'venti'])).trim(), 'running');

    const [done] = await run([{ guest: 'venti' }, { confirm: '1' }]);
    assert.equal(done?.stages?.at(-1)?.status, 'completed');
    assert.equal((await rig.virsh('host1', ['domstate', 'venti'])).trim(), 'shut off');
  });

  it('is refused what its role may not do', async () => {
    const rig = await testRig();
    const [result] = await slixmpp(rig.file, 'viewer', rig.agentJid('host1'), [
      { do: 'run', node: node('guest.start'), forms: [] },
    ]);
    assert.equal(result?.stages?.[0]?.error, 'forbidden');
  });
});
