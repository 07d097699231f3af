import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { libvirtDriver } from '#agent/drivers/libvirt/driver.ts';
import { type Host, startHost } from '#provisioning/rig/host.ts';
import { driverContract } from '#test/contract/driver-contract.ts';
import type { DriverHarness } from '#test/contract/driver-harness.ts';
import { virshProcesses } from '#test/contract/libvirt-processes.ts';
import {
  bootIn,
  GUEST_BOOT_MS_MAX,
  GUEST_CONSOLE,
  GUEST_PARAMETERS,
  qemuDefinition,
} from '#test/contract/qemu-guest.ts';

const BRIDGES = ['sk-a', 'sk-b'] as const;
const inHost = (host: Host, argv: readonly string[]) => {
  const [file, ...args] = host.machine.enter(argv);
  return promisify(execFile)(file, args);
};

// A whole host of the rig, with the libvirtd of the system, driven from outside its namespaces.
driverContract('libvirt, a host of the rig', async (): Promise<DriverHarness> => {
  const folder = await mkdtemp(join(tmpdir(), 'skerry-host-'));
  const boot = await bootIn(folder);
  const stateFolder = join(folder, 'agent');
  await mkdir(stateFolder);
  const host = await startHost({
    rigDir: folder,
    name: 'host1',
    address: '10.77.0.11',
    stateFolder: join(folder, 'host1'),
    names: new Map(),
    hasKvm: false,
  });
  host.machine.begin();
  await host.libvirtReady();
  for (const name of BRIDGES) await inHost(host, ['ip', 'link', 'add', 'name', name, 'up', 'type', 'bridge']);
  const root = `/proc/${host.machine.init.pid}/root`;
  const log = pino({ level: process.env.SKERRY_TEST_LOG ?? 'silent' });
  const whole = await libvirtDriver({ uri: host.uri, log, stateFolder, root, host: 'host1' });
  // Disks are copied by QEMU's tools where the agent runs, and these are in the host's own mount namespace: libvirt-qemu.test.ts has them.
  const { cloneGuest, listSnapshots, takeSnapshot, revertSnapshot, deleteSnapshot, ...driver } = whole;
  let logs = 0;
  return {
    driver,
    definition: qemuDefinition(boot, () => `/var/log/libvirt/console-${++logs}.log`),
    behind: {
      start: async (id) => void (await host.virsh(['start', id])),
      poweroff: async (id) => void (await host.virsh(['destroy', id])),
      delete: async (id) => void (await host.virsh(['undefine', id])),
    },
    bootMsMax: GUEST_BOOT_MS_MAX,
    console: GUEST_CONSOLE,
    hasGuestAgent: true,
    bridges: BRIDGES,
    takesParameters: true,
    runsPrograms: true,
    clones: 'none',
    snapshots: 'none',
    parametersInside: GUEST_PARAMETERS,
    leftovers: async () => [...(await virshProcesses(host.uri)), ...(await readdir(join(stateFolder, 'libvirt')))],
    close: async () => {
      await driver.close();
      await host.machine.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
});
