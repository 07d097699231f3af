import { execFile } from 'node:child_process';
import { chown, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { libvirtDriver } from '#agent/drivers/libvirt/driver.ts';
import { driverContract } from './driver-contract.ts';
import type { DriverHarness } from './driver-harness.ts';
import { startLibvirtDaemon } from './libvirt-daemon.ts';
import { virshProcesses } from './libvirt-processes.ts';
import { bootIn, GUEST_BOOT_MS_MAX, GUEST_CONSOLE, GUEST_PARAMETERS, qemuDefinition } from './qemu-guest.ts';

const exec = promisify(execFile);

/** A disk of each format, one that hangs on a file elsewhere, and the beginning of an archive. */
async function makeImages(folder: string): Promise<void> {
  await mkdir(folder);
  await exec('qemu-img', ['create', '-q', '-f', 'qcow2', join(folder, 'small.qcow2'), '16M']);
  await exec('qemu-img', ['create', '-q', '-f', 'raw', join(folder, 'small.raw'), '16M']);
  const secret = join(folder, '../secret');
  await writeFile(secret, Buffer.alloc(65_536));
  const leadsOut = ['-F', 'raw', '-b', secret, join(folder, 'leads-out.qcow2')];
  await exec('qemu-img', ['create', '-q', '-f', 'qcow2', ...leadsOut]);
  await writeFile(join(folder, 'root.tar'), `${'\0'.repeat(257)}ustar`);
}

driverContract('libvirt, QEMU', async (): Promise<DriverHarness> => {
  const daemon = await startLibvirtDaemon();
  const stateFolder = await mkdtemp(join(tmpdir(), 'skerry-state-'));
  const uri = daemon.uri('qemu');
  const log = pino({ level: process.env.SKERRY_TEST_LOG ?? 'silent' });
  const boot = await bootIn(daemon.folder);
  const [images, diskFolder] = [join(stateFolder, 'images'), join(daemon.folder, 'data', 'disks')];
  await Promise.all([makeImages(images), mkdir(diskFolder)]);
  // As the folder's owner: so are the disks in it.
  const { uid, gid } = await stat(join(daemon.folder, 'data'));
  await chown(diskFolder, uid, gid);
  const consoleFolder = join(daemon.folder, 'data');
  const driver = await libvirtDriver({ uri, log, stateFolder, images, diskFolder, consoleFolder });
  let logs = 0;
  const definition = qemuDefinition(boot, () => join(daemon.folder, 'data', `console-${++logs}.log`));
  return {
    driver,
    definition,
    withDisk: async (wanted) => {
      const file = join(diskFolder, `own-${wanted.name}.qcow2`);
      await exec('qemu-img', ['create', '-q', '-f', 'qcow2', file, '16M']);
      await chown(file, uid, gid);
      const disk = `<disk type="file" device="disk"><driver name="qemu" type="qcow2"/><source file="${file}"/><target dev="vda" bus="virtio"/></disk>`;
      return definition(wanted).replace('</devices>', `${disk}</devices>`);
    },
    images: [{ name: 'small.qcow2', options: { diskMiB: '32' } }, { name: 'small.raw' }],
    imagesUnfit: ['root.tar', 'leads-out.qcow2'],
    behind: {
      start: async (id) => void (await daemon.virsh('qemu', 'start', id)),
      poweroff: async (id) => void (await daemon.virsh('qemu', 'destroy', id)),
      delete: async (id) => void (await daemon.virsh('qemu', 'undefine', id)),
    },
    bootMsMax: GUEST_BOOT_MS_MAX,
    console: GUEST_CONSOLE,
    hasGuestAgent: true,
    takesParameters: true,
    runsPrograms: true,
    clones: 'linked',
    snapshots: 'running',
    parametersInside: GUEST_PARAMETERS,
    leftovers: async () => [
      ...(await virshProcesses(uri)),
      ...(await readdir(join(stateFolder, 'libvirt'))),
      ...(await readdir(diskFolder)).filter((name) => name.endsWith('.part')),
    ],
    restart: () => daemon.restart(),
    close: async () => {
      await driver.close();
      await daemon.close();
      await rm(stateFolder, { recursive: true });
    },
  };
});
