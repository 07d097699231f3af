import type { GuestId } from '#agent/drivers/driver.ts';
import type { Command } from '#agent/exec/run.ts';
import type { Image } from '#agent/images/folder.ts';
import { Failure } from '#shared/errors.ts';
import { settingOf, type ZoneConfig } from './config-text.ts';
import type { Ground } from './ground.ts';

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
