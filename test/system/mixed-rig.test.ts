import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { listVerbs } from '#shared/xmpp/commands-client.ts';
import { type Person, rigPerson } from './support/person.ts';
import { type TestRig, testRig } from './support/rig.ts';

/** The zone waits for the machine, and the machine on the other host for the zone; all are seen from the network that they share. */
const CHAIN = `chain: mixed
nodes:
  venti:
    host: host1
    ready: { tcp: tcp!10.99.0.12!17034, network: grid, every: 500ms }
  annex:
    host: host2
    after: [venti]
    ready: { http: { url: 'http://10.99.0.22/' }, network: grid, every: 500ms }
  fossil:
    host: host1
    after: [annex]
    ready: { tcp: tcp!10.99.0.17!564, network: grid, every: 500ms }
`;

describe('virtual machines and zones in one site', function () {
  this.timeout(180_000);
  let rig: TestRig;
  let admin: Person;

  const refused = async (...args: string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await rig.skerry(args);
    assert.notEqual(exitCode, 0, args.join(' '));
    return stdout + stderr;
  };
  const states = async (): Promise<string[]> => {
    const guests = JSON.parse(await rig.does('guest', 'list', '--json')) as Record<
      'name' | 'driver' | 'state',
      string
    >[];
    return guests
      .filter(({ name }) => ['annex', 'fossil', 'venti'].includes(name))
      .map(({ name, driver, state }) => `${name} ${driver} ${state}`)
      .toSorted();
  };

  before(async () => {
    rig = await testRig();
    admin = await rigPerson(rig, 'admin');
    for (const guest of ['venti', 'fossil']) await rig.ensureOff('host1', guest);
    await rig.skerry(['guest', 'poweroff', 'annex', '--yes']);
  });
  after(async () => {
    await rig?.skerry(['chain', 'delete', 'mixed', '--yes']);
    for (const guest of ['venti', 'fossil']) await rig?.ensureOff('host1', guest);
    await rig?.skerry(['guest', 'poweroff', 'annex', '--yes']);
    await admin?.entity.stop();
  });

  it('come up in one chain, each seen to answer on the network over both hosts', async () => {
    const file = join(rig.dir, 'mixed.yaml');
    await writeFile(file, CHAIN);
    await rig.does('chain', 'set', file);
    assert.match(await rig.does('chain', 'plan', 'mixed'), /3 nodes in 3 waves.*\n1\. venti\n2\. annex\n3\. fossil/);
    await rig.does('chain', 'up', 'mixed');
    assert.deepEqual(await states(), ['annex lxc running', 'fossil libvirt running', 'venti libvirt running']);
  });

  it('are selected by kind, and gone through at once', async () => {
    const all = await rig.does('fleet', 'run', 'guest.info', 'driver:lxc', '--json', '--yes');
    const targets = (JSON.parse(all) as { target: string; outcome: string }[]).map(
      ({ target, outcome }) => `${target} ${outcome}`,
    );
    assert.deepEqual(targets.toSorted(), ['annex done', 'hall done']);
  });

  it('are offered what their kind can, and refused what it cannot', async () => {
    const listed = (name: string) => listVerbs(admin.entity, `${name}@${rig.central}`);
    const [machine, zone] = await Promise.all([listed('venti'), listed('annex')]);
    for (const verb of ['guest.exec', 'guest.clone', 'guest.suspend', 'snapshot.take'])
      assert.ok(machine.includes(verb) && zone.includes(verb), verb);
    const create = ['guest', 'create', 'x', 'blank.qcow2', 'host1', 'driver=xen'];
    assert.match(await refused(...create), /there is no driver xen here; there is libvirt, lxc/);
  });

  it('go down in the order of the chain', async () => {
    await rig.does('chain', 'down', 'mixed', '--yes');
    assert.deepEqual(await states(), ['annex lxc shutoff', 'fossil libvirt shutoff', 'venti libvirt shutoff']);
  });
});
