import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { libvirtDriver } from '#agent/drivers/libvirt/driver.ts';
import { driverContract } from '../driver-contract.ts';
import type { DriverHarness } from '../driver-harness.ts';
import { virshProcesses } from '../libvirt-processes.ts';
import { container, containerHost, LXC_URI } from './libvirt-lxc-host.ts';
import { containersAlone } from './libvirt-lxc-own.ts';
import { ZONE_CONSOLE, ZONE_PARAMETERS } from './zone-inside.ts';

driverContract('libvirt, LXC', async (): Promise<DriverHarness> => {
  const host = await containerHost();
  const { stateFolder, virsh } = host;
  const log = pino({ level: process.env.SKERRY_TEST_LOG ?? 'silent' });
  const driver = await libvirtDriver({ uri: LXC_URI, log, stateFolder });
  return {
    driver,
    definition: (wanted) => container(wanted),
    behind: {
      start: (id) => virsh('start', id),
      poweroff: (id) => virsh('destroy', id),
      delete: (id) => virsh('undefine', id),
    },
    startsPaused: false,
    bootMsMax: 20_000,
    console: ZONE_CONSOLE,
    hasGuestAgent: false,
    bridges: ['sk-a', 'sk-b'],
    nicModel: null,
    changesMtu: true,
    takesParameters: true,
    notInParameters: /[<&]/,
    parametersInside: ZONE_PARAMETERS,
    runsPrograms: true,
    clones: 'none',
    snapshots: 'none',
    leftovers: async () => [...(await virshProcesses(LXC_URI)), ...(await readdir(join(stateFolder, 'libvirt')))],
    restart: host.restart,
    close: async () => {
      await driver.close();
      await host.close();
    },
  };
});

containersAlone();
