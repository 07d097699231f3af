import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GuestId } from '#agent/drivers/driver.ts';
import type { Command } from '#agent/exec/run.ts';
import { isMissing, namesIn } from '#agent/files/folder.ts';
import type { Image } from '#agent/images/folder.ts';
import { Failure } from '#shared/errors.ts';
import { configText, settingOf, type ZoneConfig } from './config-text.ts';
import { type Ground, zoneFolder } from './ground.ts';

const COPY_MS_MAX = 3_600_000;

/** The folder that a zone's root is, with its place; undefined where it is storage of another kind. */
export function rootFolderOf(config: ZoneConfig): string | undefined {
  const path = settingOf(config, 'lxc.rootfs.path');
  return path === undefined ? undefined : /^(?:dir:)?(\/.*)$/su.exec(path)?.[1];
}

/** A copy of a tree with owners, modes, links and attributes, which shares its blocks where the file system can. */
export const copyTree = (from: string, to: string): Command => ({
  file: 'cp',
  args: ['-a', '--reflink=auto', '--', `${from}/.`, to],
  timeoutMs: COPY_MS_MAX,
});

/**
 * Remove device files. Who may open one that leads to a disk of the host's has the host: an image brings none. A zone gets a /dev of its own, by LXC.
 *
 * Source: find(1)
 */
export const dropDevices = (root: string): Command => ({
  file: 'find',
  args: [root, '-xdev', '(', '-type', 'b', '-o', '-type', 'c', ')', '-delete'],
  timeoutMs: COPY_MS_MAX,
});

/** Fill a root. @throws Failure host-space, host-command, host-timeout */
export async function fillRoot({ run }: Pick<Ground, 'run'>, command: Command, signal: AbortSignal): Promise<void> {
  try {
    await run(command, signal);
  } catch (error) {
    const problem = error instanceof Failure && error.code === 'host-command' ? String(error.details.problem) : '';
    throw /No space left/i.test(problem) ? new Failure('host-space', { problem }, { cause: error }) : error;
  }
}

export const copyRoot = (ground: Pick<Ground, 'run'>, from: string, to: string, signal: AbortSignal): Promise<void> =>
  fillRoot(ground, copyTree(from, to), signal);

/** What copies, moves or removes a zone's root, or what is kept of it, comes one after the other. */
export async function inRootTurn<T>(
  ground: Ground,
  id: GuestId,
  signal: AbortSignal,
  change: () => Promise<T>,
): Promise<T> {
  const name = await ground.zones.nameOf(id);
  return ground.inTurn(`${name}/root`, () => {
    signal.throwIfAborted();
    return change();
  });
}

/** While this holds, Skerry does not start the zone. */
export const inStartTurn = <T>(ground: Pick<Ground, 'inTurn'>, name: string, change: () => Promise<T>): Promise<T> =>
  ground.inTurn(`${name}/start`, change);

const UNPACK: Readonly<Partial<Record<Image['kind'], (image: string, to: string) => Command>>> = {
  folder: copyTree,
  tar: (image, to) => tarCommand(image, to),
  'tar.gz': (image, to) => tarCommand(image, to),
  'tar.xz': (image, to) => tarCommand(image, to),
  'tar.zst': (image, to) => tarCommand(image, to),
  squashfs: (image, to) => ({
    file: 'unsquashfs',
    args: ['-f', '-n', '-d', to, image],
    timeoutMs: COPY_MS_MAX,
  }),
};

const tarCommand = (image: string, to: string): Command => ({
  file: 'tar',
  args: ['-x', '-p', '--numeric-owner', '--xattrs', '--xattrs-include=*', '-f', image, '-C', to],
  timeoutMs: COPY_MS_MAX,
});

/** What makes a root of an image. @throws Failure image-unfit */
export function unpacking({ kind, name, path }: Image, to: string): Command {
  const command = UNPACK[kind]?.(path, to);
  if (command) return command;
  const problem = `it is of kind ${kind}, and a zone needs a root file system: a folder, an archive, or a squashfs`;
  throw new Failure('image-unfit', { driver: 'lxc', image: name, problem });
}

/**
 * Make a zone whole, or not at all: its root and its configuration in a folder that is no zone's, which then takes the zone's name.
 *
 * Where a zone of that name has left its folder, root and configuration move into that one, the configuration last.
 */
export async function makeZone(
  ground: Ground,
  name: string,
  fill: (root: string) => Promise<ZoneConfig>,
  signal: AbortSignal,
): Promise<void> {
  await clearCutOff(ground.folder);
  const work = join(ground.folder, `${MAKING}${process.pid}-${randomBytes(8).toString('hex')}`);
  underWay.add(work);
  try {
    await mkdir(work, { mode: 0o700 });
    const root = join(work, 'rootfs');
    await mkdir(root, { mode: 0o755 });
    const config = await fill(root);
    signal.throwIfAborted();
    await ground.inTurn(name, async () => {
      if ((await ground.zones.idOf(name)) !== undefined)
        throw new Failure('guest-exists', { guest: name, host: ground.host });
      await putInPlace(ground, name, work, config);
    });
  } finally {
    await rm(work, { recursive: true, force: true });
    underWay.delete(work);
  }
}

const MAKING = '.making-';
const underWay = new Set<string>();

/** What an agent that was cut off had begun to make. */
async function clearCutOff(folder: string): Promise<void> {
  for (const name of (await namesIn(folder)).filter((each) => each.startsWith(MAKING))) {
    const pid = Number(name.slice(MAKING.length).split('-')[0]);
    const isUnderWay = pid === process.pid ? underWay.has(join(folder, name)) : existsSync(`/proc/${pid}`);
    if (!isUnderWay) await rm(join(folder, name), { recursive: true, force: true });
  }
}

async function putInPlace(ground: Ground, name: string, work: string, config: ZoneConfig): Promise<void> {
  const folder = zoneFolder(ground, name);
  const place = await freePlace(folder);
  const text = configText(config.map((line) => line.replace(ROOT_HERE, join(folder, place))));
  await writeFile(join(work, 'config'), text, { mode: 0o600 });
  if (!(await exists(folder))) {
    await chmod(work, folderMode(config));
    return rename(work, folder);
  }
  await ground.zones.renew(name);
  await rename(join(work, 'rootfs'), join(folder, place));
  await rename(join(work, 'config'), join(folder, 'config'));
}

/**
 * Who may enter the folder of a zone. A root user of a zone whose files belong to the host's root on the disk can make a program there that
 * anybody of the host who gets at it runs as the host's root: so nobody gets at it. Where the files themselves are shifted, that is
 * harmless, and the zone's own root has to get there.
 */
export const folderMode = (config: ZoneConfig): number =>
  settingOf(config, 'lxc.idmap') !== undefined && !/\bidmap=/.test(settingOf(config, 'lxc.rootfs.options') ?? '')
    ? 0o711
    : 0o700;

/** Stands in a configuration for the place of the root, until that is known. */
export const ROOT_HERE = '/@root@';

/** What a deleted zone of that name has left is not touched. */
async function freePlace(folder: string): Promise<string> {
  return (await exists(join(folder, 'rootfs'))) ? `rootfs-${randomBytes(4).toString('hex')}` : 'rootfs';
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error: unknown) => {
      if (isMissing(error)) return false;
      throw error;
    },
  );
