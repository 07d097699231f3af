import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { after, before, describe, it } from 'mocha';
import { layoutOf } from '#provisioning/rig/layout.ts';
import { buildZoneRoot } from '#provisioning/zones/root.ts';
import { type TestRig, testRig, until } from './support/rig.ts';

const IMAGE = 'zone.tar';
/** Each is on host1; the machine is a clone of one that has no disk, and asks for its address by DHCP, as the zones do. */
const MADE = { parlor: '10.99.0.61', 'parlor-2': '10.99.0.62', 'venti-2': '10.99.0.63' } as const;
type Name = keyof typeof MADE;
/** A network that host2 has, and that host1 cannot make. */
const SIDE = { network: 'side', subnet: '10.98.0.0/24', link: 'sk-side' } as const;

describe('guests that are made with an address', function () {
  this.timeout(120_000);
  let rig: TestRig;

  const onHost = (...argv: string[]) =>
    execa('nsenter', ['-t', `${rig.hostPid('host1')}`, '-a', '--', ...argv], { timeout: 20_000 });
  const names = async (): Promise<string[]> =>
    (JSON.parse(await rig.does('guest', 'list', 'host:host1', '--json')) as { name: string }[]).map(({ name }) => name);
  const portsOn = async (network: string): Promise<string[]> =>
    (JSON.parse(await rig.does('network', 'info', network, '--json')) as { guests: string[] }).guests;
  const inside = async (name: Name, ...argv: string[]): Promise<{ exitCode?: number; stdout: string }> =>
    JSON.parse((await rig.skerry(['guest', 'exec', '--json', '--yes', name, '--', ...argv])).stdout);
  const made = Object.entries(MADE) as [Name, string][];
  const remove = async (name: string): Promise<void> => {
    await rig.skerry(['guest', 'poweroff', name, '--yes']);
    await rig.does('guest', 'delete', name, '--yes');
  };

  before(async () => {
    rig = await testRig();
    await rig.ensureOff('host1', 'venti');
    const root = await buildZoneRoot(join(tmpdir(), 'skerry-guest-cache'));
    await execa('tar', ['-c', '-f', join(layoutOf(rig.dir).host('host1'), 'images', IMAGE), '-C', root, '.']);
  });
  after(async () => {
    const there = new Set(await names());
    for (const name of [...Object.keys(MADE), 'hall-2']) if (there.has(name)) await remove(name);
    await rig.skerry(['network', 'delete', SIDE.network, '--yes']);
    await onHost('ip', 'link', 'delete', SIDE.link).catch(() => {});
  });

  it('have it reserved when they are there: a zone of an image, a clone of it, and a clone of a machine', async () => {
    const before = await portsOn('grid');
    await rig.does('guest', 'create', 'parlor', IMAGE, 'host1', 'driver=lxc', 'memoryMiB=64', `ip=${MADE.parlor}`);
    await rig.does('guest', 'clone', 'parlor', 'parlor-2', `ip=${MADE['parlor-2']}`);
    await rig.does('guest', 'clone', 'venti', 'venti-2', `ip=${MADE['venti-2']}`);
    const ports = (await portsOn('grid')).filter((port) => !before.includes(port));
    assert.equal(ports.length, made.length, `${ports}`);
    for (const [name, address] of made)
      assert.ok(
        ports.some((port) => port.includes(name) && port.includes(address)),
        `${name} in ${ports}`,
      );
  });

  it('take it by DHCP when they start, and reach each other by it', async () => {
    for (const [name] of made) await rig.does('guest', 'start', name);
    for (const [name, address] of made)
      await until(`${name} has ${address}`, async () =>
        (await inside(name, 'ip', 'address', 'show', 'eth0').catch(() => ({ stdout: '' }))).stdout.includes(
          `inet ${address}/16`,
        ),
      );
    for (const [from] of made)
      for (const [, to] of made)
        assert.equal((await inside(from, 'ping', '-c', '1', '-W', '5', to)).exitCode, 0, `${from} to ${to}`);
    const leases = JSON.parse(await rig.does('network', 'leases', 'grid', '--json')) as Record<string, string>[];
    for (const [name, address] of made)
      assert.equal(leases.find((lease) => lease.address === address)?.name, name, address);
  });

  it('free it when they are deleted', async () => {
    for (const [name] of made) await remove(name);
    await until('their ports are gone', async () => {
      const ports = (await portsOn('grid')).join();
      return !made.some(([, address]) => ports.includes(address));
    });
  });

  it('are there without one where their host could not make its network, and nothing stays reserved', async () => {
    await onHost('ip', 'link', 'add', SIDE.link, 'type', 'veth');
    await rig.does('network', 'create', SIDE.network, `subnet=${SIDE.subnet}`, 'host=host2');
    for (const [of, name, address] of [
      ['hall', 'hall-2', '10.98.0.61'],
      ['venti', 'venti-2', '10.98.0.62'],
    ] as const) {
      const { exitCode, stdout, stderr } = await rig.skerry(['guest', 'clone', of, name, `ip=${address}`]);
      assert.notEqual(exitCode, 0, name);
      assert.match(stdout + stderr, /sk-side/, name);
      assert.ok((await names()).includes(name), `${name} is there`);
      assert.deepEqual(await portsOn(SIDE.network), [], name);
      assert.deepEqual(JSON.parse(await rig.does('nic', 'list', name, '--host', 'host1', '--json')), [], name);
    }
    await onHost('ip', 'link', 'delete', SIDE.link);
    for (const [name, address] of [
      ['hall-2', '10.98.0.61'],
      ['venti-2', '10.98.0.62'],
    ] as const) {
      await rig.does('guest', 'set', name, `ip=${address}`);
      assert.match((await portsOn(SIDE.network)).join(), new RegExp(`${name}.*${address}`));
      await remove(name);
    }
  });
});
