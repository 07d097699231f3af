import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { libvirtDriver } from '#agent/drivers/libvirt/driver.ts';
import { driverContract } from './driver-contract.ts';
import type { DriverHarness } from './driver-harness.ts';
import { startLibvirtDaemon } from './libvirt-daemon.ts';
import { virshProcesses } from './libvirt-processes.ts';
import { bootIn, GUEST_BOOT_MS_MAX, GUEST_CONSOLE, GUEST_PARAMETERS, qemuDefinition } from './qemu-guest.ts';

driverContract('libvirt, QEMU', async (): Promise<DriverHarness> => {
  const daemon = await startLibvirtDaemon();
  const stateFolder = await mkdtemp(join(tmpdir(), 'skerry-state-'));
  const uri = daemon.uri('qemu');
  const log = pino({ level: process.env.SKERRY_TEST_LOG ?? 'silent' });
  const boot = await bootIn(daemon.folder);
  const driver = await libvirtDriver({ uri, log, stateFolder });
  let logs = 0;
  return {
    driver,
    definition: qemuDefinition(boot, () => join(daemon.folder, 'data', `console-${++logs}.log`)),
    behind: {
      start: async (id) => void (await daemon.virsh('qemu', 'start', id)),
      poweroff: async (id) => void (await daemon.virsh('qemu', 'destroy', id)),
      delete: async (id) => void (await daemon.virsh('qemu', 'undefine', id)),
    },
    bootMsMax: GUEST_BOOT_MS_MAX,
    console: GUEST_CONSOLE,
    hasGuestAgent: true,
    takesParameters: true,
    runsPrograms: false,
    clones: 'none',
    snapshots: 'none',
    parametersInside: GUEST_PARAMETERS,
    leftovers: async () => [...(await virshProcesses(uri)), ...(await readdir(join(stateFolder, 'libvirt')))],
    restart: () => daemon.restart(),
    close: async () => {
      await driver.close();
      await daemon.close();
      await rm(stateFolder, { recursive: true });
    },
  };
});
