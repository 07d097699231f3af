import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { GuestId, Work } from '#agent/drivers/driver.ts';
import { isMissing } from '#agent/files/folder.ts';
import { Failure } from '#shared/errors.ts';
import { isActive } from '#shared/model/guest.ts';
import type { Snapshot } from '#shared/model/snapshot.ts';
import { SnapshotName } from '#shared/model/snapshot.ts';
import { type Ground, zoneFolder } from './ground.ts';
import { readZone, type Zone } from './reading.ts';
import { copyTree, rootFolderOf } from './roots.ts';
import { guestState } from './states.ts';

// Responsibilities: copies of a zone's root and configuration, taken while it is off, to go back to.
//
// Theory of operation: a snapshot is a folder below the zone's own, which gets its name when it is whole. To go back, a copy of it takes
// the root's place. Copies share their blocks where the file system can.
//
// What can go wrong: a cut in the middle leaves a folder that begins with a dot, which the next one clears away. Between the two renames of
// a revert the root is beside its place: the next revert finds the place empty, and goes on.

const FOLDER = 'skerry-snapshots';
const folderOf = (ground: Ground, name: string): string => join(zoneFolder(ground, name), FOLDER);

export async function listSnapshots(ground: Ground, id: GuestId): Promise<Snapshot[]> {
  return snapshotsIn(folderOf(ground, await ground.zones.nameOf(id)));
}

async function snapshotsIn(folder: string): Promise<Snapshot[]> {
  const names = (await namesIn(folder)).filter((name) => SnapshotName.safeParse(name).success);
  const taken = await Promise.all(
    names.map(async (name) => ({ name, takenAt: (await readFile(join(folder, name, 'taken'), 'utf8')).trim() })),
  );
  return taken.toSorted((a, b) => (a.takenAt < b.takenAt ? -1 : 1));
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

export async function takeSnapshot(
  ground: Ground,
  id: GuestId,
  name: string,
  { signal, progress }: Work,
): Promise<void> {
  const { zone, root } = await placeOf(ground, id, signal);
  const folder = folderOf(ground, zone.name);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if ((await namesIn(folder)).includes(name))
    throw new Failure('snapshot-exists', { guest: zone.name, snapshot: name });
  await clear(folder);
  const work = await mkdtemp(join(folder, '.taking-'));
  try {
    progress('copying its root');
    await mkdir(join(work, 'rootfs'));
    await ground.run(copyTree(root, join(work, 'rootfs')), signal);
    await writeFile(join(work, 'taken'), `${new Date().toISOString()}\n`);
    await rename(work, join(folder, name));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

export async function revertSnapshot(
  ground: Ground,
  id: GuestId,
  name: string,
  { signal, progress }: Work,
): Promise<void> {
  const { zone, root } = await placeOf(ground, id, signal);
  const folder = folderOf(ground, zone.name);
  await known(folder, zone, name);
  await clear(folder);
  const work = await mkdtemp(join(folder, '.reverting-'));
  try {
    progress('copying its root');
    const fresh = join(work, 'rootfs');
    await mkdir(fresh);
    await ground.run(copyTree(join(folder, name, 'rootfs'), fresh), signal);
    signal.throwIfAborted();
    await rename(root, join(work, 'before')).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
    });
    await rename(fresh, root);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

export async function deleteSnapshot(ground: Ground, id: GuestId, name: string, { signal }: Work): Promise<void> {
  const zone = await readZone(ground, id, signal);
  const folder = folderOf(ground, zone.name);
  await known(folder, zone, name);
  await rename(join(folder, name), join(folder, `.gone-${name}`));
  await clear(folder);
}

/** Snapshots of a zone that is deleted go with it. */
export const forgetSnapshots = (ground: Ground, name: string): Promise<void> =>
  rm(folderOf(ground, name), { recursive: true, force: true });

/** The zone and its root, where it can have snapshots now. @throws Failure snapshot-unfit */
async function placeOf(ground: Ground, id: GuestId, signal: AbortSignal): Promise<{ zone: Zone; root: string }> {
  const zone = await readZone(ground, id, signal);
  const unfit = (problem: string): Failure => new Failure('snapshot-unfit', { guest: zone.name, problem });
  if (isActive(guestState(zone.now.state)))
    throw unfit('it runs, and the memory of a zone cannot be kept: shut it down first');
  const root = rootFolderOf(zone.config);
  if (root === undefined || dirname(root) !== zoneFolder(ground, zone.name))
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

/** What work that was cut off has left. */
async function clear(folder: string): Promise<void> {
  for (const name of await namesIn(folder))
    if (name.startsWith('.')) await rm(join(folder, name), { recursive: true, force: true });
}
