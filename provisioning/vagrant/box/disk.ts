import { mkdir, open, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unpackPackages } from '../../guest/packages.ts';
import { run } from '../../rig/run.ts';

const SECTOR = 512;
/** Where the one partition begins. GRUB's core lies in the gap before it, as on any disk with an MBR. */
const PARTITION_SECTOR = 2_048;
const DISK_TIMEOUT_MS = 10 * 60_000;
/** Of boot.img, what is code; the partition table follows. */
const BOOT_CODE_BYTES = 440;
const TABLE_AT = 446;
const GRUB_MODULES = ['biosdisk', 'part_msdos', 'ext2', 'linux', 'normal', 'configfile', 'serial', 'terminal', 'echo'];

/**
 * Make a disk that boots from a root folder: an MBR, GRUB, and one ext4. Nothing is mounted and no loop device is used, so it works in
 * a container.
 * @param work a folder for what is made on the way; the disk is `box.img` there, qcow2
 */
export async function makeDisk(root: string, work: string, diskGiB: number): Promise<void> {
  const disk = join(work, 'disk.raw');
  await writeFile(disk, '');
  await truncate(disk, diskGiB * 1024 ** 3);
  await makeFileSystem(root, disk, diskGiB);
  await putLoader(disk, await grub(work), (diskGiB * 1024 ** 3) / SECTOR);
  await run(['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', disk, join(work, 'box.img')], {
    timeoutMs: DISK_TIMEOUT_MS,
  });
}

/** GRUB of Debian 12 does not read ext4 with a checksum seed. */
async function makeFileSystem(root: string, disk: string, diskGiB: number): Promise<void> {
  const offset = PARTITION_SECTOR * SECTOR;
  const extended = `offset=${offset},lazy_itable_init=1,lazy_journal_init=1,nodiscard`;
  const options = ['-q', '-t', 'ext4', '-L', 'root', '-O', '^metadata_csum_seed', '-E', extended, '-d', root];
  const sizeKiB = diskGiB * 1024 ** 2 - offset / 1024;
  await run(['mke2fs', ...options, disk, `${sizeKiB}k`], { timeoutMs: DISK_TIMEOUT_MS });
}

/** The first sector's code, and the core that it loads. */
async function grub(work: string): Promise<{ boot: Buffer; core: Buffer }> {
  const folder = join(work, 'grub');
  await mkdir(folder);
  await unpackPackages(['grub-pc-bin', 'grub-common'], folder);
  const at = (path: string): string => join(folder, 'unpacked/usr', path);
  const early = join(folder, 'early.cfg');
  const prefix = '(hd0,msdos1)/boot/grub';
  await writeFile(early, `set root=(hd0,msdos1)\nset prefix=${prefix}\nsource /boot/grub/grub.cfg\n`);
  const core = join(folder, 'core.img');
  const how = ['-O', 'i386-pc', '-d', at('lib/grub/i386-pc'), '-p', prefix, '-c', early, '-o', core];
  await run([at('bin/grub-mkimage'), ...how, ...GRUB_MODULES]);
  return { boot: await readFile(at('lib/grub/i386-pc/boot.img')), core: await readFile(core) };
}

/** The table of an MBR with one partition of Linux, to boot from. Who reads it goes by the two sector numbers. */
export function partitionTable(sectors: number): Buffer {
  const table = Buffer.alloc(66);
  const beyondChs = [0xfe, 0xff, 0xff];
  table.set([0x80, ...beyondChs, 0x83, ...beyondChs], 0);
  table.writeUInt32LE(PARTITION_SECTOR, 8);
  table.writeUInt32LE(sectors - PARTITION_SECTOR, 12);
  table.set([0x55, 0xaa], 64);
  return table;
}

/** GRUB's boot.img finds its core in the sector after it. */
async function putLoader(disk: string, { boot, core }: { boot: Buffer; core: Buffer }, sectors: number): Promise<void> {
  if (core.length > (PARTITION_SECTOR - 1) * SECTOR) throw new Error('GRUB does not fit before the partition');
  await using file = await open(disk, 'r+');
  await file.write(boot, 0, BOOT_CODE_BYTES, 0);
  await file.write(partitionTable(sectors), 0, SECTOR - TABLE_AT, TABLE_AT);
  await file.write(core, 0, core.length, SECTOR);
}
