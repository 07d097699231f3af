import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { buildGuest } from '#provisioning/guest/build.ts';
import { type Host, startHost } from '#provisioning/rig/host.ts';
import { kvmVerdict } from '#provisioning/rig/kvm.ts';
import { buildBox } from '#provisioning/vagrant/box/build.ts';
import { until } from '#test/system/support/until.ts';

/**
 * The whole Vagrant rig, as a new user would have it, with the local box: three machines, hosts that join, a nested guest, the grid over
 * both hosts, and all of it gone again. It runs in a libvirt of its own, in namespaces that end with it; nothing of it reaches the
 * network. `--agents N`: so many hosts.
 */
const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const HEARD_MS_MAX = 5 * 60_000;
const CACHE = join(ROOT, '.cache');
const began = performance.now();
const agents = process.argv.includes('--agents') ? Number(process.argv[process.argv.indexOf('--agents') + 1]) : 2;

const say = (line: string): void =>
  void process.stdout.write(`${((performance.now() - began) / 1_000).toFixed(1).padStart(7)} s  ${line}\n`);

const image = await buildGuest(CACHE, say);
const box = await buildBox(CACHE, say);
const { works: hasKvm, because } = await kvmVerdict(image, join(CACHE, 'kvm.json'));
say(`${hasKvm ? 'KVM' : 'no KVM'}: ${because}; box ${box.slice(ROOT.length + 1)}`);

const work = await mkdtemp(join(tmpdir(), 'skerry-vagrant-'));
const host = await startHost({
  rigDir: work,
  name: 'vagrant',
  address: '10.79.0.1',
  stateFolder: join(work, 'host'),
  names: new Map(),
  hasKvm,
});
try {
  host.machine.begin();
  await host.libvirtReady();
  say('libvirt answers');
  await tryRig(host);
  say('all of it works');
} finally {
  await host.machine.kill();
  await rm(work, { recursive: true, force: true });
}

async function tryRig({ machine }: Host): Promise<void> {
  const env = {
    // nsenter(1) goes to the namespaces' own root.
    VAGRANT_CWD: ROOT,
    VAGRANT_HOME: join(CACHE, 'vagrant'),
    VAGRANT_DOTFILE_PATH: join(work, 'dotfiles'),
    SKERRY_BOX: 'local',
    SKERRY_AGENTS: String(agents),
    SKERRY_DRIVER: hasKvm ? 'kvm' : 'qemu',
    SKERRY_MANAGEMENT: 'none',
  };
  const vagrant = async (...args: string[]): Promise<void> => {
    const [file, ...argv] = machine.enter(['vagrant', ...args]);
    await execa(file, argv, { cwd: ROOT, env, stdio: ['ignore', 'inherit', 'inherit'] });
  };
  /** On the server's machine, as root. */
  const there = async (command: string): Promise<string> => {
    const [file, ...argv] = machine.enter(['vagrant', 'ssh', 'central_server', '-c', `sudo sh -c '${command}'`]);
    const { stdout } = await execa(file, argv, { cwd: ROOT, env, stdin: 'ignore', stderr: 'inherit' });
    return stdout;
  };
  const holds = async (command: string, due: RegExp): Promise<void> => {
    const said = await there(command);
    if (!due.test(said)) throw new Error(`${command}: ${due} is due, and there came\n${said}`);
    say(`${command}: ${said.split('\n').length} lines, as they should be`);
  };
  const asOperator = 'SKERRY_JID=operator@skerry.test SKERRY_PASSWORD_FILE=/etc/skerry/operator.password';
  await vagrant('up');
  say(`${agents + 1} machines are up, and the hosts have joined`);
  // An agent that has just been started takes its time to be heard, on an emulated machine half a minute and more.
  for (let n = 1; n <= agents; n++) {
    const command = `skerry host info agent-${n}`;
    await until(command, async () => /State: up/.test(await there(command)) || undefined, HEARD_MS_MAX);
    say(`agent-${n} is heard`);
  }
  await holds('make-grid', /grid/);
  await holds(`${asOperator} skerry guest start venti`, /running/);
  await holds('skerry guest poweroff venti --yes', /off/);
  await holds('skerry chain up grid', /./);
  await holds('skerry chain status grid', /(ready.*){6}/s);
  await holds('skerry guest list state:running', /cpu1.*cpu2.*fossil.*venti/s);
  await vagrant('destroy', '--force');
}
