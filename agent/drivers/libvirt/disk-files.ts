import { chown, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from '#agent/exec/run.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { failedWith, type Ground } from './ground.ts';

/** A disk of terabytes takes an hour. */
const COPY_MS_MAX = 3_500_000;
const QUICK_MS_MAX = 60_000;

/** Formats that a disk is made in here: others (vmdk, vdi) become qcow2 by a tool of the person's own. */
export type DiskFormat = 'qcow2' | 'raw';

/** Files that were made, for a guest that is not there yet. */
export interface NewDisks {
  /** Copy an image, whatever it hangs on, to a file of its own. @returns its path, as libvirt sees it */
  copy(from: { file: string; format: string }, to: { device: string; format: DiskFormat }): Promise<string>;
  /** A file of qcow2 that holds what differs from that one. @returns its path, as libvirt sees it */
  overlay(base: { file: string; format: string }, to: { device: string; owner: string }): Promise<string>;
  resize(file: string, sizeMiB: number): Promise<void>;
  /** These have become a guest's. */
  keep(files: Iterable<string>): void;
  /** Remove all others again. */
  undo(): Promise<void>;
}

/**
 * Make disks for a guest of this name.
 *
 * A file is written under a name that no guest uses, and gets its own when it is whole; that holds the guest's id, since disks stay
 * when their guest is deleted, and a later guest of the same name must not get at them. What an attempt left that was cut off is written over.
 */
export function newDisks(
  ground: Ground,
  folder: string,
  guest: { name: string; id: string },
  signal: AbortSignal,
): NewDisks {
  const made = new Set<string>();
  const seen = (path: string): string => ground.root + path;
  const finish = async (part: string, name: string): Promise<string> => {
    const path = join(folder, name);
    // As its folder's: libvirt gives a guest's disk to QEMU's user by itself only where it runs for the whole machine.
    const { uid, gid } = await stat(seen(folder));
    await chown(seen(part), uid, gid);
    await rename(seen(part), seen(path));
    made.add(path);
    return path;
  };
  const write = async (device: string, name: string, words: (part: string) => readonly string[]): Promise<string> => {
    const part = join(folder, `.${guest.name}-${device}.part`);
    try {
      await rm(seen(part), { force: true });
      await qemuImg(words(seen(part)), COPY_MS_MAX, signal);
      return await finish(part, name);
    } catch (error) {
      await rm(seen(part), { force: true });
      if (error instanceof Failure || signal.aborted) throw error;
      throw new Failure('host-command', { problem: messageOf(error) }, { cause: error });
    }
  };
  const short = guest.id.slice(0, 8);
  return {
    copy: (from, { device, format }) =>
      write(device, `${guest.name}-${short}-${device}.${format === 'raw' ? 'img' : format}`, (part) => [
        ...['convert', '-f', from.format, '-O', format, from.file, part],
      ]),
    overlay: (base, { device, owner }) =>
      write(`${owner}-${device}`, `${owner}-${short}-${device}.over.qcow2`, (part) => [
        ...['create', '-q', '-f', 'qcow2', '-F', base.format, '-b', base.file, part],
      ]),
    resize: (file, sizeMiB) =>
      qemuImg(['resize', '-q', '-f', 'qcow2', seen(file), `${sizeMiB}M`], QUICK_MS_MAX, signal),
    keep: (files) => {
      for (const file of files) made.delete(file);
    },
    undo: async () => {
      await Promise.all([...made].map((path) => rm(seen(path), { force: true })));
    },
  };
}

/** Make an empty disk at this path, as libvirt sees it, which nothing has. @throws Failure host-command, host-space, host-timeout */
export async function blankDisk(
  { root }: Ground,
  file: string,
  { format, sizeBytes }: { format: DiskFormat; sizeBytes: number },
  signal: AbortSignal,
): Promise<void> {
  await qemuImg(['create', '-q', '-f', format, root + file, String(sizeBytes)], QUICK_MS_MAX, signal);
  const { uid, gid } = await stat(root + dirname(file));
  await chown(root + file, uid, gid);
}

/** @throws Failure host-command, host-space, host-timeout */
async function qemuImg(args: readonly string[], timeoutMs: number, signal: AbortSignal): Promise<void> {
  try {
    await run({ file: 'qemu-img', args, timeoutMs }, signal);
  } catch (error) {
    const problem = failedWith(error, 'host-command') ? String(error.details.problem) : '';
    throw /No space left/i.test(problem) ? new Failure('host-space', { problem }, { cause: error }) : error;
  }
}
