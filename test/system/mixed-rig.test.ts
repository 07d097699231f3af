import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { listVerbs } from '#shared/xmpp/commands-client.ts';
import { type Person, rigPerson } from './support/person.ts';
import { type TestRig, testRig } from './support/rig.ts';

const VENTI = '10.99.0.12';
const ANNEX = '10.99.0.22';
/** The zone waits for the machine, and the machine on the other host for the zone; all are seen from the network that they share. */
const CHAIN = `chain: mixed
nodes:
  venti:
    host: host1
    ready: { tcp: tcp!${VENTI}!17034, network: grid, every: 500ms }
  annex:
    host: host2
    after: [venti]
    ready: { http: { url: 'http://${ANNEX}/' }, network: grid, every: 500ms }
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

  it('carry traffic from the machine to the zone on the other host, and back', async () => {
    const inside = async (guest: string, script: string): Promise<{ exitCode?: number; stdout: string }> =>
      JSON.parse(await rig.does('guest', 'exec', '--json', '--yes', guest, '--', 'sh', '-c', script));
    const page = await inside('venti', `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 ${ANNEX} 80`);
    assert.match(page.stdout, /a zone of Skerry/);
    assert.equal((await inside('annex', `nc -w 5 ${VENTI} 17034 </dev/null`)).stdout, 'venti\n');
    // As large as the tunnel between the hosts lets through.
    for (const [from, to] of [
      ['venti', ANNEX],
      ['annex', VENTI],
    ] as const)
      assert.equal((await inside(from, `ping -c 1 -W 5 -s 1422 ${to}`)).exitCode, 0, `${from} to ${to}`);
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
