import { access, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { DriverGuest, GuestId } from '#agent/drivers/driver.ts';
import type { Coming, Landed, Landing } from '#agent/drivers/migration.ts';
import { Failure } from '#shared/errors.ts';
import { isActive } from '#shared/model/guest.ts';
import { blankDisk } from '../disk-files.ts';
import { failedWith, type Ground } from '../ground.ts';
import { listNames, readGuest } from '../reading.ts';
import { type Awaited, forgetAwaited, readAwaited, writeAwaited } from './ledger.ts';
import { isShared, Offer } from './offer.ts';
import { CHANNELS, type Channel, daemonSocket, moveSockets, passOn } from './sockets.ts';

/**
 * Make ready for a guest. Its disks go where new ones of this host go, under the names of their files; they are empty, and libvirt
 * copies them while the guest runs, whole: also what a backing file of the source has of it.
 */
export async function awaitGuest(
  ground: Ground,
  diskFolder: string,
  { id, name, move, offer: text }: Coming,
  signal: AbortSignal,
): Promise<Landing> {
  const offer = offerIn(text, name, ground.host);
  await ground.inTurn(id, () => cleared(ground, id, signal));
  const there = (await listNames(ground, signal)).find((guest) => guest.id === id || guest.name === name);
  if (there) throw new Failure('guest-exists', { guest: there.name, host: ground.host });
  await requireGround(ground, diskFolder, name, offer);
  const sockets = await moveSockets(ground, name, ground.host);
  const files = new Map(offer.copies.map((disk) => [disk.device, join(diskFolder, disk.name)]));
  const { runs, autostart } = offer;
  await writeAwaited(ground, id, { name, move, runs, autostart, files: [...files.values()] });
  try {
    for (const { device, format, sizeBytes } of offer.copies)
      await blankDisk(ground, files.get(device) as string, { format, sizeBytes }, signal);
  } catch (error) {
    await landGuest(ground, id, { move, outcome: 'stayed' }, AbortSignal.timeout(UNDO_MS_MAX));
    throw error;
  }
  const daemon = await daemonSocket(ground);
  return {
    told: JSON.stringify(Object.fromEntries(files)),
    accept: (channel, stream) => {
      const known = CHANNELS.find((each) => each === channel) as Channel | undefined;
      if (known === undefined) stream.destroy();
      else passOn(ground, known === 'libvirt' ? daemon : sockets.path(known), stream);
    },
  };
}

const UNDO_MS_MAX = 30_000;

function offerIn(text: string, guest: string, to: string): Offer {
  try {
    return Offer.parse(JSON.parse(text));
  } catch (error) {
    const problem = 'it is of another hypervisor, or of another version of Skerry';
    throw new Failure('migration-unfit', { guest, to, problem }, { cause: error });
  }
}

/** What the guest needs is there. @throws Failure migration-unfit, host-space */
async function requireGround(ground: Ground, diskFolder: string, guest: string, offer: Offer): Promise<void> {
  const unfit = (problem: string): Failure => new Failure('migration-unfit', { guest, to: ground.host, problem });
  for (const { file, sizeBytes, inode } of offer.needs) {
    const found = await stat(ground.root + file).catch(() => undefined);
    if (!found) throw unfit(`it needs ${file}, which is not there`);
    if (inode !== undefined && (found.ino !== inode || !(await isShared(ground, file))))
      throw unfit(`${file} is on a file system that both hosts share, and is another file there`);
    if (found.size !== sizeBytes && inode === undefined) throw unfit(`${file} is another file there`);
  }
  const names = offer.copies.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw unfit(`two of its disks are files called ${twice}; rename one`);
  for (const name of names)
    if (await stat(join(ground.root, diskFolder, name)).catch(() => undefined))
      throw unfit(`there is ${join(diskFolder, name)} already; remove it, or rename it`);
  for (const bridge of ground.root === '' ? offer.bridges : [])
    await access(`/sys/class/net/${bridge}`).catch(() => {
      throw unfit(`there is no bridge ${bridge}`);
    });
  await requireSpace(ground, diskFolder, offer);
}

async function requireSpace({ root }: Ground, diskFolder: string, { copies }: Offer): Promise<void> {
  if (copies.length === 0) return;
  const needed = copies.reduce((sum, { usedBytes }) => sum + usedBytes, 0);
  const { bavail, bsize } = await statfs(root + diskFolder).catch((error: unknown) => {
    throw new Failure('host-command', { problem: `${diskFolder} cannot be used` }, { cause: error });
  });
  const mib = (bytes: number): number => Math.ceil(bytes / 2 ** 20);
  if (bavail * bsize < needed)
    throw new Failure('host-space', {
      problem: `${diskFolder} has ${mib(bavail * bsize)} MiB, and its disks take ${mib(needed)} MiB`,
    });
}

/** As in `Migrating`. By what was written down: a guest that was not awaited by this move is not touched. */
export function landGuest(ground: Ground, id: GuestId, { move, outcome }: Landed, signal: AbortSignal): Promise<void> {
  return ground.inTurn(id, async () => {
    const awaited = await readAwaited(ground, id);
    const isAwaited = awaited?.move === move;
    if (outcome === 'stayed') return isAwaited ? cleared(ground, id, signal) : undefined;
    // Whoever says that it came forgets it at the source: it has to be here.
    const guest = await readGuest(ground, id, signal);
    if (!isAwaited) return;
    if (awaited.runs) await resumed(ground, guest, signal);
    if (awaited.autostart) await ground.virsh.slow(['autostart', id], signal);
    await over(ground, id, awaited);
  });
}

/** Remove what has come of a guest that is awaited, by whichever move, and what was made for it. */
async function cleared(ground: Ground, id: GuestId, signal: AbortSignal): Promise<void> {
  const awaited = await readAwaited(ground, id);
  if (!awaited) return;
  await removed(ground, id, signal);
  await Promise.all(awaited.files.map((file) => rm(ground.root + file, { force: true })));
  await over(ground, id, awaited);
}

async function over(ground: Ground, id: GuestId, { name }: Awaited): Promise<void> {
  await forgetAwaited(ground, id);
  const sockets = await moveSockets(ground, name, ground.host);
  await sockets.remove();
}

async function resumed({ virsh }: Ground, { id, state }: DriverGuest, signal: AbortSignal): Promise<void> {
  if (state === 'paused') await virsh.slow(['resume', id], signal);
}

/** It may be there to be, or to have come; it has never run. @throws Failure guest-wrong-state: it has */
async function removed(ground: Ground, id: GuestId, signal: AbortSignal): Promise<void> {
  const there = async (): Promise<DriverGuest | undefined> =>
    readGuest(ground, id, signal).catch((error: unknown) => {
      if (failedWith(error, 'guest-not-found')) return undefined;
      throw error;
    });
  const guest = await there();
  if (!guest) return;
  if (hasRun(guest))
    throw new Failure('guest-wrong-state', {
      guest: guest.name,
      state: guest.state,
      needed: 'paused',
      verb: 'guest.land',
    });
  if (isActive(guest.state)) await unlessGone(ground.virsh.slow(['destroy', id], signal));
  if ((await there())?.persistent)
    await unlessGone(ground.virsh.slow(['undefine', ...ground.hypervisor.undefineFlags, id], signal));
}

/** Somebody had it run here, as its source was lost: it runs, or it has shut itself down since, and its disks have what it wrote. */
const hasRun = ({ state, reason }: DriverGuest): boolean =>
  isActive(state) ? state !== 'paused' : reason === 'shutdown';

/** libvirt removes by itself what is left of a move that broke. */
const unlessGone = (done: Promise<string>): Promise<unknown> =>
  done.catch((error: unknown) => {
    if (!failedWith(error, 'guest-not-found', 'guest-wrong-state')) throw error;
  });
