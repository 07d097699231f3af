import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildGuest } from '#provisioning/guest/build.ts';
import { type Host, startHost } from '#provisioning/rig/host.ts';
import { kvmVerdict } from '#provisioning/rig/kvm.ts';
import { buildBox } from '#provisioning/vagrant/box/build.ts';
import { vagrantMachines } from './machines.ts';
import { operatorOutside } from './outsider.ts';
import { DEV_STEPS, type Scene, SITE_STEPS, type Step } from './steps.ts';

/**
 * The whole Vagrant rig, as a new user would have it, with the local box: machines up, hosts that join, nested guests, the grid over both
 * hosts, and all of it gone again. It runs in a libvirt of its own, in namespaces that end with it; nothing of it reaches the network.
 * `--agents N`: so many hosts. `--dev`: machines that run a working tree, a copy of this one, which is changed. `--keep`: where a step
 * fails, the machines stay until Ctrl-C, to be looked at.
 */
const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const CACHE = join(ROOT, '.cache');
const NOT_COPIED = ['.git', '.cache', '.skerry', '.vagrant', 'dist'];
const { values: told } = parseArgs({
  options: {
    agents: { type: 'string', default: '2' },
    dev: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
});
const agents = Number(told.agents);
const began = performance.now();
const secondsSince = (time: number): string => ((performance.now() - time) / 1_000).toFixed(1);
const say = (line: string): void => void process.stdout.write(`${secondsSince(began).padStart(7)} s  ${line}\n`);
const summary: string[] = [];

async function step<T>(name: string, act: () => Promise<T>): Promise<T> {
  const since = performance.now();
  try {
    const made = await act();
    summary.push(`${secondsSince(since).padStart(7)} s  ${name}`);
    return made;
  } catch (error) {
    summary.push(`${secondsSince(since).padStart(7)} s  FAILED: ${name}`);
    throw error;
  } finally {
    say(`(${summary.at(-1)?.trim()})`);
  }
}

const image = await step('the tiny guest', () => buildGuest(CACHE, say));
await step('the local box', () => buildBox(CACHE, say));
const { works: hasKvm, because } = await kvmVerdict(image, join(CACHE, 'kvm.json'));
say(`${hasKvm ? 'KVM' : 'no KVM'}: ${because}`);

const work = await mkdtemp(join(tmpdir(), 'skerry-vagrant-'));
const host = await startHost({
  rigDir: work,
  name: 'vagrant',
  address: '10.79.0.1',
  stateFolder: join(work, 'host'),
  names: new Map(),
  hasKvm,
});
// What goes on in it fails then, and is cleared away. It stays a listener: execa ends a process that has none.
process.on('SIGINT', () => void host.machine.kill());
try {
  host.machine.begin();
  await host.libvirtReady();
  await tryRig(host, told.dev ? await copied(join(work, 'clone')) : ROOT);
  say('all of it works');
} catch (error) {
  if (!told.keep) throw error;
  say(`${error instanceof Error ? error.stack : error}`);
  say(`Kept until Ctrl-C: nsenter -t ${host.machine.init.pid} -a`);
  await host.machine.ended;
} finally {
  await host.machine.kill();
  await rm(work, { recursive: true, force: true });
  process.stdout.write(`\n${summary.join('\n')}\n`);
  say('in all');
}

/** A tree to change: this one is somebody's. */
async function copied(clone: string): Promise<string> {
  const filter = (path: string): boolean => !NOT_COPIED.some((name) => path === join(ROOT, name));
  await cp(ROOT, clone, { recursive: true, verbatimSymlinks: true, filter });
  await symlink(CACHE, join(clone, '.cache'));
  return clone;
}

async function tryRig({ machine }: Host, clone: string): Promise<void> {
  const machines = vagrantMachines(machine, clone, {
    VAGRANT_HOME: join(CACHE, 'vagrant'),
    VAGRANT_DOTFILE_PATH: join(work, 'dotfiles'),
    SKERRY_BOX: 'local',
    SKERRY_AGENTS: String(agents),
    SKERRY_DRIVER: hasKvm ? 'kvm' : 'qemu',
    SKERRY_MANAGEMENT: 'none',
    ...(told.dev ? { SKERRY_DEV: '1' } : {}),
  });
  await step(`vagrant up, ${agents + 1} machines`, () => machines.vagrant('up'));
  const operator = await operatorOutside(machine, machines, join(work, 'operator'));
  const scene: Scene = { machines, operator, agents, clone };
  const steps: readonly Step[] = told.dev ? DEV_STEPS : SITE_STEPS;
  for (const [name, act] of steps) await step(name, () => act(scene));
  await step('vagrant destroy', () => machines.vagrant('destroy', '--force'));
  const left = await host.virsh(['list', '--all', '--name']);
  if (left.trim() !== '') throw new Error(`vagrant destroy left ${left}`);
}
