import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { libvirtDriver } from '#agent/drivers/libvirt/driver.ts';
import { documentOf, el, xmlText } from '#agent/drivers/libvirt/xml.ts';
import { driverContract } from './driver-contract.ts';
import type { DriverHarness, GuestWanted } from './driver-harness.ts';
import { startLibvirtDaemon } from './libvirt-daemon.ts';
import { virshProcesses } from './libvirt-processes.ts';

driverContract('libvirt, its test driver', async (): Promise<DriverHarness> => {
  const daemon = await startLibvirtDaemon();
  const stateFolder = await mkdtemp(join(tmpdir(), 'skerry-state-'));
  const uri = daemon.uri('test');
  const log = pino({ level: process.env.SKERRY_TEST_LOG ?? 'silent' });
  const driver = await libvirtDriver({ uri, log, stateFolder });
  return {
    driver,
    definition,
    behind: {
      start: async (id) => void (await daemon.virsh('test', 'start', id)),
      poweroff: async (id) => void (await daemon.virsh('test', 'destroy', id)),
      delete: async (id) => void (await daemon.virsh('test', 'undefine', id)),
    },
    startsPaused: false,
    bootMsMax: 0,
    hasGuestAgent: false,
    takesParameters: false,
    runsPrograms: false,
    clones: 'linked',
    snapshots: 'running',
    leftovers: async () => [...(await virshProcesses(uri)), ...(await readdir(join(stateFolder, 'libvirt')))],
    close: async () => {
      await driver.close();
      await daemon.close();
      await rm(stateFolder, { recursive: true });
    },
  };
});

const definition = ({ name, memoryMiB = 64, vcpus = 1, title }: GuestWanted): string =>
  xmlText(
    documentOf(
      el(
        'domain',
        { type: 'test' },
        el('name', {}, name),
        ...(title === undefined ? [] : [el('title', {}, title)]),
        el('memory', { unit: 'MiB' }, String(memoryMiB)),
        el('vcpu', {}, String(vcpus)),
        el('os', {}, el('type', {}, 'hvm')),
      ),
    ),
  );
