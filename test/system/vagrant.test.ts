import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { after, before, describe, it } from 'mocha';
import { z } from 'zod';
import { partitionTable } from '#provisioning/vagrant/box/disk.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SETTINGS = fileURLToPath(new URL('vagrant/settings.rb', import.meta.url));

const Provider = z.looseObject({ arguments: z.array(z.string()) });
const Machine = z.object({
  arguments: z.tuple([z.string()]),
  vm: z.object({
    hostname: z.string(),
    network: z.array(z.record(z.string(), z.unknown())),
    provider: z.array(Provider),
    provision: z.array(z.object({ arguments: z.array(z.string()), path: z.string() })),
  }),
});
const Folder = z.object({
  arguments: z.tuple([z.string(), z.string()]),
  rsync__exclude: z.array(z.string()).default([]),
});
const Asked = z.object({
  vm: z.object({ box: z.string(), synced_folder: z.array(Folder), define: z.array(Machine) }),
});
type Env = Readonly<Record<string, string>>;

/** What vagrant-libvirt knows of a private network; `validate` takes any word. */
const NETWORK_OPTIONS = ['arguments', 'ip', 'libvirt__network_name', 'libvirt__dhcp_enabled', 'libvirt__forward_mode'];

async function askedFor(env: Env = {}) {
  const { stdout } = await execa('ruby', [SETTINGS, join(ROOT, 'Vagrantfile')], { env });
  return Asked.parse(JSON.parse(stdout)).vm;
}
const libvirtOf = (machine: z.infer<typeof Machine>) =>
  machine.vm.provider.find((each) => each.arguments[0] === 'libvirt') as Record<string, unknown>;
const featuresOf = (machine: z.infer<typeof Machine>) =>
  Object.fromEntries(
    (libvirtOf(machine).cpu_feature as { name: string; policy: string }[]).map(({ name, policy }) => [name, policy]),
  );

describe('the Vagrantfile', function () {
  this.timeout(120_000);
  let home: string;
  const vagrant = (args: readonly string[], env: Env = {}) =>
    execa('vagrant', args, {
      cwd: ROOT,
      reject: false,
      env: { VAGRANT_HOME: join(home, 'home'), VAGRANT_DOTFILE_PATH: join(home, 'dot'), ...env },
    });

  before(async function () {
    if (!existsSync('/usr/bin/vagrant')) this.skip();
    home = await mkdtemp(join(tmpdir(), 'skerry-vagrant-'));
  });
  after(() => home && rm(home, { recursive: true }));

  it('is valid, and has its machines, with no hypervisor and no network', async () => {
    const { exitCode, stderr } = await vagrant(['validate']);
    assert.deepEqual([exitCode, stderr], [0, '']);
    const { stdout } = await vagrant(['status', '--machine-readable'], { SKERRY_AGENTS: '3' });
    const machines = [...stdout.matchAll(/^\d+,(\w+),state,not_created$/gm)].map((match) => match[1]);
    assert.deepEqual(machines, ['central_server', 'agent_1', 'agent_2', 'agent_3']);
  });

  it('refuses what it does not know', async () => {
    for (const env of [{ SKERRY_AGENTS: '0' }, { SKERRY_AGENTS: 'two' }, { SKERRY_DRIVER: 'xen' }] as Env[]) {
      const { exitCode, stderr, stdout } = await vagrant(['validate'], env);
      assert.notEqual(exitCode, 0, `${JSON.stringify(env)} ${stdout}`);
      assert.match(stderr, /SKERRY_|invalid value/);
    }
  });

  it('gives each machine a name, an address of its own on one network, and scripts that are there', async () => {
    const { define } = await askedFor();
    const addresses = define.map(({ vm }) => String(vm.network[0]?.ip));
    assert.equal(new Set(addresses).size, 3);
    for (const {
      arguments: [name],
      vm,
    } of define) {
      assert.equal(vm.hostname, name.replace('_', '-'));
      assert.match(String(vm.network[0]?.ip), /^10\.78\.0\.\d+$/);
      for (const key of Object.keys(vm.network[0] ?? {})) assert.ok(NETWORK_OPTIONS.includes(key), key);
      for (const { path } of vm.provision) assert.ok(existsSync(join(ROOT, path)), path);
    }
  });

  it('in development carries all of the tree that programs need, and no more', async () => {
    const { synced_folder } = await askedFor({ SKERRY_DEV: '1' });
    const folder = synced_folder.find(({ arguments: [, to] }) => to === '/opt/skerry') ?? assert.fail('no tree');
    const to = join(home, 'tree');
    const leftOut = folder.rsync__exclude.map((pattern) => `--exclude=${pattern}`);
    await execa('rsync', ['-a', `--link-dest=${ROOT}`, ...leftOut, ROOT, to]);
    for (const name of ['.git', '.cache', 'node_modules/typescript', 'node_modules/mocha'])
      assert.equal(existsSync(join(to, name)), false, name);
    for (const part of ['agent', 'central']) {
      const main = join(to, part, 'main.ts');
      const { exitCode, stderr } = await execa(process.execPath, [main, '--config', '/none'], { reject: false });
      assert.deepEqual([exitCode, /none/.test(stderr)], [78, true], stderr);
    }
  });

  it('lets guests nest with KVM on processors of Intel and AMD alike', async () => {
    for (const machine of (await askedFor({ SKERRY_DRIVER: 'kvm' })).define) {
      const { driver, cpu_mode, cpu_model, nested } = libvirtOf(machine);
      // vagrant-libvirt itself adds vmx and svm as optional, and takes no model and no features with this mode.
      assert.deepEqual([driver, cpu_mode, cpu_model], ['kvm', 'host-model', undefined]);
      assert.equal(nested, machine.vm.hostname.startsWith('agent'));
    }
  });

  it('lets guests nest where the machine has no KVM: the emulator has SVM', async () => {
    for (const machine of (await askedFor({ SKERRY_DRIVER: 'qemu' })).define) {
      const { driver, cpu_mode, cpu_model, machine_type, memory } = libvirtOf(machine);
      // libvirt takes host-passthrough and host-model only with KVM, and `validate` does not say so.
      assert.deepEqual([driver, cpu_mode, cpu_model, machine_type], ['qemu', 'custom', 'qemu64', 'q35']);
      assert.deepEqual(featuresOf(machine), { svm: 'require', npt: 'require' });
      assert.ok(Number(memory) >= 1_024);
    }
  });
});

describe('the disk of the local box', () => {
  it('has one partition that firmware boots from', async () => {
    const table = partitionTable(8 * 2 ** 21);
    assert.equal(table.length, 66);
    assert.deepEqual(
      [table[0], table[4], table.readUInt32LE(8), table.readUInt32LE(12)],
      [0x80, 0x83, 2048, 8 * 2 ** 21 - 2048],
    );
    assert.deepEqual([...table.subarray(64)], [0x55, 0xaa]);
  });
});
