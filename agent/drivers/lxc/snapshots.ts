import { lstat, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { GuestId, Work } from '#agent/drivers/driver.ts';
import { isMissing, isThere, namesIn, readIfThere } from '#agent/files/folder.ts';
import { Failure } from '#shared/errors.ts';
import { isActive } from '#shared/model/guest.ts';
import type { Snapshot } from '#shared/model/snapshot.ts';
import { SnapshotName } from '#shared/model/snapshot.ts';
import type { ZoneConfig } from './config-text.ts';
import { type Ground, zoneFolder } from './ground.ts';
import { mountIn } from './mounts.ts';
import { readZone, type Zone } from './reading.ts';
import { copyRoot, inRootTurn, inStartTurn, rootFolderOf } from './roots.ts';
import { guestState } from './states.ts';

// Responsibilities: copies of a zone's root and configuration, taken while it is off, to go back to.
//
// Theory of operation: a snapshot is a folder below the zone's own, which gets its name when it is whole. To go back, a copy of it takes
// the root's place. Copies share their blocks where the file system can. What changes them comes one after the other.
//
// What can go wrong: a cut in the middle leaves a folder that begins with a dot, which the next one clears away. Between the two renames of
// a revert the root is beside its place: whoever comes next puts it back before anything is removed. A zone that somebody starts
// meanwhile is found out at the end, and the copy is none. What is mounted in a root would be removed with it: so that is refused.

const FOLDER = 'skerry-snapshots';
const BEFORE = 'before';
const isCutRevert = (name: string): boolean => name.startsWith('.reverting-');
const folderOf = (ground: Ground, name: string): string => join(zoneFolder(ground, name), FOLDER);

export async function listSnapshots(ground: Ground, id: GuestId): Promise<Snapshot[]> {
  return snapshotsIn(folderOf(ground, await ground.zones.nameOf(id)));
}

async function snapshotsIn(folder: string): Promise<Snapshot[]> {
  const names = (await namesIn(folder)).filter((name) => SnapshotName.safeParse(name).success);
  const taken = await Promise.all(
    names.map(async (name) => ({ name, takenAt: await readIfThere(join(folder, name, 'taken')) })),
  );
  // One that is removed right now is left out.
  return taken
    .flatMap(({ name, takenAt }) => (takenAt === undefined ? [] : [{ name, takenAt: takenAt.trim() }]))
    .toSorted((a, b) => (a.takenAt < b.takenAt ? -1 : 1));
}

export const takeSnapshot = (ground: Ground, id: GuestId, name: string, { signal, progress }: Work): Promise<void> =>
  inRootTurn(ground, id, signal, async () => {
    const { zone, root } = await placeOf(ground, id, signal);
    const folder = folderOf(ground, zone.name);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if ((await namesIn(folder)).includes(name))
      throw new Failure('snapshot-exists', { guest: zone.name, snapshot: name });
    await clear(folder, root);
    const work = await mkdtemp(join(folder, '.taking-'));
    try {
      progress('copying its root');
      await mkdir(join(work, 'rootfs'));
      await copyRoot(ground, root, join(work, 'rootfs'), signal);
      await placeOf(ground, id, signal);
      await writeFile(join(work, 'taken'), `${new Date().toISOString()}\n`);
      await rename(work, join(folder, name));
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  });

export const revertSnapshot = (ground: Ground, id: GuestId, name: string, { signal, progress }: Work): Promise<void> =>
  inRootTurn(ground, id, signal, async () => {
    const { zone, root } = await placeOf(ground, id, signal);
    const folder = folderOf(ground, zone.name);
    await known(folder, zone, name);
    await requireNoMount(zone, root);
    await clear(folder, root);
    const work = await mkdtemp(join(folder, '.reverting-'));
    try {
      progress('copying its root');
      await mkdir(join(work, 'rootfs'));
      await copyRoot(ground, join(folder, name, 'rootfs'), join(work, 'rootfs'), signal);
      await inStartTurn(ground, zone.name, async () => {
        await placeOf(ground, id, signal);
        await requireNoMount(zone, root);
        await swap(work, root);
      });
    } finally {
      await putBack(work, root);
      await rm(work, { recursive: true, force: true });
    }
  });

async function swap(work: string, root: string): Promise<void> {
  await rename(root, join(work, BEFORE)).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
  });
  await rename(join(work, 'rootfs'), root);
}

/** Where a revert was cut off, what was the root before takes its place again. */
async function putBack(work: string, root: string): Promise<void> {
  if (await isThere(lstat(root))) return;
  await rename(join(work, BEFORE), root).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
  });
}

/** @throws Failure snapshot-unfit */
async function requireNoMount({ name: guest }: Zone, root: string): Promise<void> {
  const mount = mountIn(await readFile('/proc/self/mountinfo', 'utf8'), root);
  if (mount !== undefined)
    throw new Failure('snapshot-unfit', { guest, problem: `${mount} is mounted in its root: unmount it first` });
}

export const deleteSnapshot = (ground: Ground, id: GuestId, name: string, { signal }: Work): Promise<void> =>
  inRootTurn(ground, id, signal, async () => {
    const zone = await readZone(ground, id, signal);
    const folder = folderOf(ground, zone.name);
    await known(folder, zone, name);
    await clear(folder, rootFolderOf(zone.config));
    await rename(join(folder, name), join(folder, `.gone-${name}`));
    await rm(join(folder, `.gone-${name}`), { recursive: true, force: true });
  });

/** Where a revert was cut off, as by the end of the agent, the zone has its root again before it starts. */
export async function mendRoot(ground: Ground, name: string, config: ZoneConfig): Promise<void> {
  const root = rootFolderOf(config);
  const folder = folderOf(ground, name);
  if (root === undefined) return;
  for (const each of (await namesIn(folder)).filter(isCutRevert)) await putBack(join(folder, each), root);
}

/**
 * Snapshots of a zone that is deleted go with it; its root does not. Where that was cut off, the next zone in its folder begins with none: what
 * may be the root of the one before stays.
 */
export async function forgetSnapshots(ground: Ground, name: string, config: ZoneConfig): Promise<void> {
  const folder = folderOf(ground, name);
  await clear(folder, rootFolderOf(config));
  const names = await namesIn(folder);
  if (!names.some(isCutRevert)) return rm(folder, { recursive: true, force: true });
  for (const each of names.filter((name) => !isCutRevert(name)))
    await rm(join(folder, each), { recursive: true, force: true });
}

/** The zone and its root, where it can have snapshots now. @throws Failure snapshot-unfit */
async function placeOf(ground: Ground, id: GuestId, signal: AbortSignal): Promise<{ zone: Zone; root: string }> {
  const zone = await readZone(ground, id, signal);
  const unfit = (problem: string): Failure => new Failure('snapshot-unfit', { guest: zone.name, problem });
  if (isActive(guestState(zone.now.state)))
    throw unfit('it runs, and the memory of a zone cannot be kept: shut it down first');
  const root = rootFolderOf(zone.config);
  const isOwn = root !== undefined && dirname(resolve(root)) === zoneFolder(ground, zone.name);
  if (!isOwn || basename(root) === FOLDER)
    throw unfit('its root is not a folder in its own one, and others may use it');
  return { zone, root };
}

async function known(folder: string, zone: Zone, name: string): Promise<void> {
  const isKnown =
    SnapshotName.safeParse(name).success &&
    (await stat(join(folder, name)).then(
      () => true,
      () => false,
    ));
  if (!isKnown) throw new Failure('snapshot-not-found', { guest: zone.name, snapshot: name });
}

/** What work that was cut off has left. Without a place to put it back to, what may be the root stays where it is. */
async function clear(folder: string, root: string | undefined): Promise<void> {
  for (const name of await namesIn(folder)) {
    if (!name.startsWith('.') || (isCutRevert(name) && root === undefined)) continue;
    if (isCutRevert(name) && root !== undefined) await putBack(join(folder, name), root);
    await rm(join(folder, name), { recursive: true, force: true });
  }
}
