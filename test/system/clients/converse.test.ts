import assert from 'node:assert/strict';
import { testRig } from '#test/system/support/rig.ts';
import { type ConversePage, conversePage, listCommands } from './converse-page.ts';

describe('Converse.js in Chromium, a client that others wrote', function () {
  this.timeout(180_000);
  let client: ConversePage | undefined;
  afterEach(() => client?.close());

  it('shows the form of a command, runs it, and libvirt has it done', async () => {
    const rig = await testRig();
    await rig.ensureOff('host2', 'cpu1');
    client = await conversePage(rig.account('operator'), rig.xmpp.websocketUrl);
    const { page } = client;
    const nodes = await listCommands(page, rig.agentJid('host2'));
    assert.ok(nodes.includes('urn:skerry:verb:1#guest.start'));

    await page.locator('[data-command-node="urn:skerry:verb:1#guest.start"]').click();
    await page.locator('converse-adhoc-commands select[name=guest]').selectOption('cpu1');
    await page.locator('converse-adhoc-commands input[data-action=complete]').click();
    await page.locator('converse-adhoc-commands .alert', { hasText: 'Completed' }).first().waitFor();
    assert.equal((await rig.virsh('host2', ['domstate', 'cpu1'])).trim(), 'running');
  });
});
