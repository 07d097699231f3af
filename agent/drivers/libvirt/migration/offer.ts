import { stat, statfs } from 'node:fs/promises';
import { basename } from 'node:path';
import { z } from 'zod';
import type { DriverGuest, GuestId } from '#agent/drivers/driver.ts';
import { Failure } from '#shared/errors.ts';
import type { Ground } from '../ground.ts';
import { nicsIn } from '../nic-xml.ts';
import { readGuest, readXml } from '../reading.ts';
import { childrenOf, type Document, type Element, elementAt, parseXml, rootOf } from '../xml.ts';

/** What a guest of QEMU needs at another host. */
export const Offer = z.strictObject({
  hypervisor: z.literal('qemu'),
  /** Whether it is to run when it has come: it was not paused. */
  runs: z.boolean(),
  autostart: z.boolean(),
  /** Disks that are files of its host: these are copied. */
  copies: z.array(
    z.strictObject({
      device: z.string().min(1),
      /** Of its file, without the folder. */
      name: z
        .string()
        .regex(/^[^/\0]+$/)
        .refine((name) => name !== '.' && name !== '..'),
      format: z.enum(['qcow2', 'raw']),
      sizeBytes: z.int().nonnegative(),
      usedBytes: z.int().nonnegative(),
    }),
  ),
  /** Files that have to be there under the same path; with `inode`, the same file on a file system that both hosts share. */
  needs: z.array(z.strictObject({ file: z.string().startsWith('/'), sizeBytes: z.int(), inode: z.int().optional() })),
  bridges: z.array(z.string()),
});
export type Offer = z.infer<typeof Offer>;

/** Read what a guest needs. @throws Failure migration-unfit */
export async function offerOf(ground: Ground, id: GuestId, signal: AbortSignal): Promise<Offer> {
  const guest = await readGuest(ground, id, signal);
  const document = parseXml(await readXml(ground, id, signal), 'domain');
  const offer: Offer = {
    hypervisor: 'qemu',
    runs: isMeantToRun(guest),
    autostart: guest.autostart,
    copies: [],
    needs: [],
    bridges: nicsIn(document).flatMap(({ kind, source }) => (kind === 'bridge' && source ? [source] : [])),
  };
  requireMovable(document, guest);
  for (const disk of disksOf(document, guest)) {
    if (disk.isWritten && !(await isShared(ground, disk.file)))
      offer.copies.push(await copyOf(ground, guest, disk, signal));
    else {
      offer.needs.push(await needOf(ground, guest, disk.file, disk.isWritten));
      for (const file of disk.below) offer.needs.push(await needOf(ground, guest, file, await isShared(ground, file)));
    }
  }
  for (const file of bootFiles(document)) offer.needs.push(await needOf(ground, guest, file, false));
  return offer;
}

/** One that a move was cut off of may stand still for that. */
export const isMeantToRun = ({ state, reason }: Pick<DriverGuest, 'state' | 'reason'>): boolean =>
  state !== 'paused' || reason === 'migrating';

const unfit = (guest: string, problem: string): Failure =>
  new Failure('migration-unfit', { guest, to: 'another host', problem });

function requireMovable(document: Document, { name }: DriverGuest): void {
  const devices = elementAt(rootOf(document), 'devices');
  if (devices && childrenOf(devices, 'hostdev').length > 0) throw unfit(name, 'it has a device of its host');
}

interface FileDisk {
  device: string;
  file: string;
  format: string;
  isWritten: boolean;
  /** Files that it hangs on, the nearest first. */
  below: string[];
}

/** Disks that are files. Those on a network are the same from any host, and a drive may be empty. @throws Failure migration-unfit for others */
function disksOf(document: Document, { name }: DriverGuest): FileDisk[] {
  const devices = elementAt(rootOf(document), 'devices');
  return (devices ? childrenOf(devices, 'disk') : []).flatMap((disk) => {
    const type = disk.getAttribute('type') ?? 'file';
    const device = elementAt(disk, 'target')?.getAttribute('dev') ?? '';
    const source = elementAt(disk, 'source');
    if (!source || type === 'network') return [];
    const file = source.getAttribute('file');
    if (type !== 'file' || !file) throw unfit(name, `its disk ${device} is of type ${type}, and only files are copied`);
    if (elementAt(disk, 'encryption') ?? elementAt(disk, 'source', 'encryption'))
      throw unfit(name, `its disk ${device} is encrypted`);
    return [{ device, file, format: formatOf(disk), isWritten: isWritten(disk), below: filesBelow(disk) }];
  });
}

/** As libvirt tells of a disk of a guest that runs: a backing store below the other. */
export function filesBelow(disk: Element): string[] {
  const store = elementAt(disk, 'backingStore');
  if (!store) return [];
  const file = elementAt(store, 'source')?.getAttribute('file');
  return [...(file ? [file] : []), ...filesBelow(store)];
}

const formatOf = (disk: Element): string => elementAt(disk, 'driver')?.getAttribute('type') || 'raw';
const isWritten = (disk: Element): boolean =>
  (disk.getAttribute('device') ?? 'disk') === 'disk' && elementAt(disk, 'readonly') === undefined;

/** Files that QEMU reads when it starts: it starts there too, though nothing boots. */
const bootFiles = (document: Document): string[] =>
  ['kernel', 'initrd', 'dtb', 'loader'].flatMap(
    (name) => elementAt(rootOf(document), 'os', name)?.textContent?.trim() || [],
  );

/** What statfs(2) calls file systems that several hosts may have: NFS, CIFS and SMB2, Ceph, GFS2, OCFS2, Lustre, and FUSE (as GlusterFS). */
const SHARED_TYPES: ReadonlySet<number> = new Set([
  0x6969, 0xff534d42, 0xfe534d42, 0x00c36400, 0x01161970, 0x7461636f, 0x0bd00bd0, 0x65735546,
]);

/** Whether a file that is there is on one of them. */
export const isShared = async ({ root }: Ground, file: string): Promise<boolean> =>
  SHARED_TYPES.has((await statfs(root + file).catch(() => ({ type: 0 }))).type);

async function copyOf(
  { virsh, root }: Ground,
  { id, name }: DriverGuest,
  { device, file, format, below }: FileDisk,
  signal: AbortSignal,
): Promise<Offer['copies'][number]> {
  if (format !== 'qcow2' && format !== 'raw')
    throw unfit(name, `its disk ${device} is ${format}, and those of format qcow2 or raw are copied`);
  const info = await virsh.slow(['domblkinfo', id, device], signal, 20_000);
  const [sizeBytes, own] = [bytesIn(info, 'Capacity'), bytesIn(info, 'Allocation')];
  // It arrives whole, with what it has of those.
  const taken = await Promise.all(below.map((each) => takenBy(root + each)));
  const usedBytes = taken.reduce((sum, bytes) => sum + bytes, own);
  return { device, name: basename(file), format, sizeBytes, usedBytes: Math.min(usedBytes, Math.max(sizeBytes, own)) };
}

/** stat(2) counts in blocks of 512 bytes, whatever those of the file system are. */
const BLOCK_BYTES = 512;
const takenBy = async (file: string): Promise<number> =>
  ((await stat(file).catch(() => undefined))?.blocks ?? 0) * BLOCK_BYTES;

/**
 * A figure of `virsh domblkinfo`.
 *
 * Shape: `Label:   number`, a line each. Units: bytes.
 * @throws Failure host-output, naming the label
 * Source: virsh(1)
 */
export function bytesIn(stdout: string, label: string): number {
  const found = new RegExp(`^${label}:\\s+(\\d+)$`, 'm').exec(stdout)?.[1];
  if (found === undefined) throw new Failure('host-output', { problem: `virsh domblkinfo printed no ${label}` });
  return Number(found);
}

async function needOf(
  { root }: Ground,
  { name }: DriverGuest,
  file: string,
  same: boolean,
): Promise<Offer['needs'][number]> {
  try {
    const { size, ino } = await stat(root + file);
    return { file, sizeBytes: size, ...(same ? { inode: ino } : {}) };
  } catch (error) {
    throw new Failure(
      'migration-unfit',
      { guest: name, to: 'another host', problem: `${file} cannot be read` },
      { cause: error },
    );
  }
}
