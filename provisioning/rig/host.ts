import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '#shared/errors.ts';
import { type Machine, startMachine } from './machine.ts';
import { run } from './run.ts';

/** A host of the rig: a machine with a libvirtd of its own, which is started again whenever it dies. */
export interface Host {
  readonly name: string;
  readonly machine: Machine;
  /** For libvirt's clients outside of it; inside it is qemu:///system. */
  readonly uri: string;
  virsh(args: readonly string[], timeoutMs?: number): Promise<string>;
  /** Resolves when its libvirtd answers. @throws Failure host-timeout */
  libvirtReady(): Promise<void>;
  /** Ask its guests to shut down; those that have not when the time is over lose power. */
  endGuests(shutdownMs: number): Promise<void>;
}

export interface HostOptions {
  rigDir: string;
  name: string;
  address: string;
  /** Where it keeps its guests' definitions, its logs and what libvirt learnt about QEMU, across restarts. */
  stateFolder: string;
  /** Lines of /etc/hosts: address and name of each machine. */
  names: ReadonlyMap<string, string>;
  hasKvm: boolean;
}

const LIBVIRTD_TIMEOUT_MS = 60_000;

/** Make a host, up to the point where `machine.begin()` lets it start its libvirtd. */
export async function startHost(options: HostOptions): Promise<Host> {
  const { rigDir, name, stateFolder, hasKvm } = options;
  await writeHostFiles(options);
  const env = { SKERRY_KVM: hasKvm ? 'yes' : 'no', SKERRY_BRIDGE_MAC: bridgeMacOf(options.address) };
  const machine = await startMachine({ rigDir, role: 'host', name, stateFolder, env });
  const uri = `qemu+unix:///system?socket=${machine.run}/libvirt/libvirt-sock`;
  const virsh = (args: readonly string[], timeoutMs?: number) =>
    run(['virsh', '-q', '-c', uri, ...args], timeoutMs === undefined ? {} : { timeoutMs });
  return {
    name,
    machine,
    uri,
    virsh,
    libvirtReady: () => libvirtReady(name, `${machine.run}/libvirt/libvirt-sock`, virsh),
    endGuests: (shutdownMs) => endGuests(virsh, shutdownMs),
  };
}

/** What every machine needs of files: who is who, and no name server. */
export async function writeMachineFiles(stateFolder: string, name: string, names: ReadonlyMap<string, string>) {
  await mkdir(stateFolder, { recursive: true, mode: 0o700 });
  const lines = [...names].map(([each, address]) => `${address} ${each}`);
  const own = names.has(name) ? [] : [`127.0.1.1 ${name}`];
  await writeFile(join(stateFolder, 'hosts'), `${['127.0.0.1 localhost', ...own, ...lines].join('\n')}\n`);
  await writeFile(join(stateFolder, 'resolv.conf'), '');
}

async function writeHostFiles({ stateFolder, name, names }: HostOptions): Promise<void> {
  await writeMachineFiles(stateFolder, name, names);
  for (const folder of ['etc/qemu/networks', 'lib', 'log', 'cache', 'lxc', 'lxc-log']) {
    await mkdir(join(stateFolder, folder), { recursive: true });
  }
  if (!existsSync(join(stateFolder, 'etc/libvirtd.conf'))) {
    await writeFile(join(stateFolder, 'etc/libvirtd.conf'), LIBVIRTD_CONF(randomUUID()));
  }
  await writeFile(join(stateFolder, 'etc/qemu.conf'), QEMU_CONF);
}

const LIBVIRTD_CONF = (uuid: string) => `# A libvirtd that only its own machine's root can reach.
auth_unix_ro = "none"
auth_unix_rw = "none"
unix_sock_rw_perms = "0700"
host_uuid = "${uuid}"
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
`;

/** The namespaces around it are what separates this host: without cgroups, udev and virtlogd, QEMU needs these. */
const QEMU_CONF = `security_driver = "none"
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
clear_emulator_capabilities = 0
namespaces = [ ]
cgroup_controllers = [ ]
max_core = 0
stdio_handler = "file"
`;

/** Locally administered, and told apart by the last byte of the host's address. */
const bridgeMacOf = (address: string): string =>
  `52:54:00:4d:01:${Number(address.split('.').at(-1)).toString(16).padStart(2, '0')}`;

async function libvirtReady(
  name: string,
  socket: string,
  virsh: (args: string[], timeoutMs?: number) => Promise<string>,
): Promise<void> {
  const end = performance.now() + LIBVIRTD_TIMEOUT_MS;
  while (!existsSync(socket)) {
    if (performance.now() > end) {
      throw new Failure('host-timeout', { command: `libvirtd on ${name}`, timeoutS: LIBVIRTD_TIMEOUT_MS / 1_000 });
    }
    await delay(20);
  }
  // The first answer takes seconds where libvirtd has yet to learn what this QEMU can do.
  await virsh(['version'], LIBVIRTD_TIMEOUT_MS);
}

type Virsh = (args: readonly string[], timeoutMs?: number) => Promise<string>;

async function endGuests(virsh: Virsh, shutdownMs: number): Promise<void> {
  const end = performance.now() + shutdownMs;
  let left = await activeGuests(virsh);
  while (left.length > 0 && performance.now() < end) {
    // Asked again and again: one that is still booting hears nothing yet.
    await Promise.all(left.map((guest) => virsh(['shutdown', guest], 10_000).catch(() => {})));
    const askAgain = performance.now() + 1_000;
    while (left.length > 0 && performance.now() < Math.min(end, askAgain)) {
      await delay(100);
      left = await activeGuests(virsh);
    }
  }
  await Promise.all(left.map((guest) => virsh(['destroy', guest], 10_000).catch(() => {})));
}

const activeGuests = async (virsh: Virsh): Promise<string[]> =>
  (await virsh(['list', '--name'], 10_000)).split('\n').filter((line) => line.trim() !== '');
