import { randomUUID } from 'node:crypto';
import type { DriverGuest, GuestId, Work } from '#agent/drivers/driver.ts';
import { chainProblem } from '#agent/images/chain.ts';
import { Failure } from '#shared/errors.ts';
import { isActive } from '#shared/model/guest.ts';
import { portLinkOf } from '#shared/model/network.ts';
import { requireFree, unmake } from './creating.ts';
import { dumpxml, storeDefinition } from './defining.ts';
import { parseDefinition } from './definition.ts';
import { type DiskFormat, type NewDisks, newDisks } from './disk-files.ts';
import { disksIn, isWritten, putOnFiles, type XmlDisk } from './disk-xml.ts';
import type { Ground } from './ground.ts';
import { readGuest, readXml } from './reading.ts';
import { listSnapshots } from './snapshots.ts';
import { childrenOf, type Document, elementAt, rootOf } from './xml.ts';

/** A disk that is a file. */
type FileDisk = XmlDisk & { file: string };
type Files = Map<string, { file: string; format: string }>;

/**
 * Make a guest of one that is off.
 *
 * In full, each disk that it writes to is copied. Linked, each gets two files over it, one for either guest: what both have in common is
 * written to by nobody any more. The original goes over to its own before the clone is there.
 */
export async function cloneGuest(
  ground: Ground,
  diskFolder: string,
  id: GuestId,
  { name, linked }: { name: string; linked: boolean },
  { signal, progress }: Work,
): Promise<DriverGuest> {
  const guest = await readGuest(ground, id, signal);
  if (isActive(guest.state)) throw running(guest);
  await requireFree(ground, name, signal);
  const text = await inactiveXml(ground, id, signal);
  const disks = fileDisks(guest, disksIn(text).filter(isWritten));
  await requirePlain(ground, guest, disks);
  if (linked) await requireNoSnapshots(ground, guest, signal);
  const own = randomUUID();
  const made = newDisks(ground, diskFolder, { name, id: own }, signal);
  try {
    progress(disks.length === 0 ? 'it has no disks' : linked ? 'linking its disks' : 'copying its disks');
    const files = linked ? await parted(ground, guest, disks, made, name, signal) : await copied(ground, disks, made);
    const clone = parseDefinition(text).edited((document) => makeOther(document, guest.name, name, files));
    await storeDefinition(ground, clone.withUuid(own), signal);
  } catch (error) {
    await unmake(ground, own, made);
    throw error;
  }
  return readGuest(ground, own, signal);
}

const inactiveXml = (ground: Ground, id: GuestId, signal: AbortSignal): Promise<string> =>
  dumpxml(ground, id, ['--inactive', '--security-info'], signal);

const DEVICE = /^[a-z][a-z0-9]*$/;

/** @throws Failure clone-unfit */
function fileDisks({ name: guest }: DriverGuest, disks: readonly XmlDisk[]): FileDisk[] {
  return disks.map((disk) => {
    const { file, device } = disk;
    if (file === undefined) throw new Failure('clone-unfit', { guest, problem: `its disk ${device} is no file` });
    // A file is called by it, and libvirt looks at how it begins only.
    if (!DEVICE.test(device))
      throw new Failure('clone-unfit', { guest, problem: `its disk ${device} has an odd name` });
    return { ...disk, file };
  });
}

/**
 * A copy is read by the agent's user, who may read more than the guest. Where the files are is not asked: who defined the guest might have named
 * them.
 * @throws Failure clone-unfit
 */
async function requirePlain({ root }: Ground, { name: guest }: DriverGuest, disks: readonly FileDisk[]): Promise<void> {
  for (const { device, file, format } of disks) {
    const problem = await chainProblem({ file: root + file, format }, undefined);
    if (problem !== undefined) throw new Failure('clone-unfit', { guest, problem: `its disk ${device}: ${problem}` });
  }
}

/** Snapshots are inside the file that nobody writes to any more: the original would lose them. @throws Failure clone-unfit */
async function requireNoSnapshots(ground: Ground, { id, name }: DriverGuest, signal: AbortSignal): Promise<void> {
  if (ground.hypervisor.snapshots === undefined || (await listSnapshots(ground, id, signal)).length === 0) return;
  const problem = 'it has snapshots, which a linked clone would take from it: delete them, or make a full clone';
  throw new Failure('clone-unfit', { guest: name, problem });
}

async function copied({ root }: Ground, disks: readonly FileDisk[], made: NewDisks): Promise<Files> {
  const files: Files = new Map();
  for (const { device, file, format } of disks) {
    const own: DiskFormat = format === 'raw' ? 'raw' : 'qcow2';
    files.set(device, { file: await made.copy({ file: root + file, format }, { device, format: own }), format: own });
  }
  return files;
}

/** @returns the files of the clone; the original has gone over to its own */
async function parted(
  ground: Ground,
  guest: DriverGuest,
  disks: readonly FileDisk[],
  made: NewDisks,
  name: string,
  signal: AbortSignal,
): Promise<Files> {
  const [originals, clones]: [Files, Files] = [new Map(), new Map()];
  for (const { device, ...base } of disks)
    for (const [files, owner] of [
      [originals, guest.name],
      [clones, name],
    ] as const)
      files.set(device, { file: await made.overlay(base, { device, owner }), format: 'qcow2' });
  const keep = (): void => made.keep(Array.from(originals.values(), ({ file }) => file));
  if (disks.length > 0) await ground.inTurn(guest.id, () => goOver(ground, guest, { files: originals, keep }, signal));
  return clones;
}

/**
 * Have the original go over to its own files. Whoever started it meanwhile may have started it on the old ones, which are then not to be
 * shared; on its own ones it may run.
 *
 * Where it comes to nothing, the files may be removed again: that is so only when the old definition holds, and nothing runs on them.
 * @throws Failure guest-wrong-state: all is as it was
 */
async function goOver(
  ground: Ground,
  guest: DriverGuest,
  made: { files: Files; keep: () => void },
  signal: AbortSignal,
): Promise<void> {
  const { id } = guest;
  // It may have been changed since it was looked at.
  const definition = parseDefinition(await inactiveXml(ground, id, signal));
  try {
    const over = definition.edited((document) => putOnFiles(document, made.files));
    await storeDefinition(ground, over, signal);
    const now = await readGuest(ground, id, signal);
    if (!isActive(now.state) || (await runsOn(ground, id, made.files, signal))) return made.keep();
    throw running(now);
  } catch (error) {
    await takeBack(ground, guest, definition, made);
    throw error;
  }
}

const TAKE_BACK_MS_MAX = 30_000;

/** What was asked for may have been called off: this is done all the same. */
async function takeBack(
  ground: Ground,
  { id, name }: DriverGuest,
  definition: ReturnType<typeof parseDefinition>,
  { files, keep }: { files: Files; keep: () => void },
): Promise<void> {
  const signal = AbortSignal.timeout(TAKE_BACK_MS_MAX);
  try {
    if (await runsOn(ground, id, files, signal)) return keep();
    await storeDefinition(ground, definition, signal);
    // It may have been started on them until now.
    if (await runsOn(ground, id, files, signal)) keep();
  } catch (error) {
    keep();
    ground.log.warn({ guest: name, err: error }, 'a guest may use the files that a clone was to leave it; they stay');
  }
}

/** Whether the guest runs, and on these files. */
async function runsOn(ground: Ground, id: GuestId, files: Files, signal: AbortSignal): Promise<boolean> {
  if (!isActive((await readGuest(ground, id, signal)).state)) return false;
  const own = new Set(Array.from(files.values(), ({ file }) => file));
  return disksIn(await readXml(ground, id, signal)).some(({ file }) => file !== undefined && own.has(file));
}

const running = ({ name, state }: DriverGuest): Failure =>
  new Failure('guest-wrong-state', { guest: name, state, needed: 'shutoff', verb: 'guest.clone' });

/** What makes it another guest: files of its own, and nothing that two cannot have. */
function makeOther(document: Document, from: string, to: string, files: Files): void {
  const root = rootOf(document);
  const name = elementAt(root, 'name');
  if (name) name.textContent = to;
  for (const element of childrenOf(root, 'genid')) root.removeChild(element);
  putOnFiles(document, files);
  const os = elementAt(root, 'os');
  // libvirt makes a new one, where the definition says of what.
  for (const nvram of os ? childrenOf(os, 'nvram') : []) os?.removeChild(nvram);
  const devices = elementAt(root, 'devices');
  if (!devices) return;
  for (const nic of childrenOf(devices, 'interface')) {
    const mac = elementAt(nic, 'mac');
    const target = elementAt(nic, 'target');
    // One that Skerry gave: the clone is given its own with its address.
    if (target?.getAttribute('dev') === portLinkOf(mac?.getAttribute('address') ?? '')) devices.removeChild(nic);
    for (const element of [mac, target]) if (element) nic.removeChild(element);
  }
  for (const port of [...childrenOf(devices, 'serial'), ...childrenOf(devices, 'console')]) renameLog(port, from, to);
}

/** The log of a console is a file of its guest. */
function renameLog(port: ReturnType<typeof childrenOf>[number], from: string, to: string): void {
  const log = elementAt(port, 'log');
  const path = log?.getAttribute('file') ?? '';
  const [, folder = '', base = ''] = /^(.*\/)?([^/]*)$/.exec(path) ?? [];
  if (base.includes(from)) log?.setAttribute('file', folder + base.replace(from, to));
  else if (log) port.removeChild(log);
}
