import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { isMissing } from '#agent/files/folder.ts';
import { qcow2HeadIn } from '#agent/images/qcow2-file.ts';
import type { VolumeFile } from '#agent/volumes/driver.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { formatOf } from '#shared/model/volume.ts';

const SECTOR_BYTES = 512;
/** Nothing that a link leads to; and a pipe that has taken the place of a file is not waited for. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** What stands there is no plain file: a link, a socket, a folder. */
const NONE: ReadonlySet<unknown> = new Set(['ELOOP', 'ENXIO', 'ENODEV', 'EISDIR']);

/**
 * What a volume is, by its head and by what the folder says of it. Nothing that its head names is opened, no program is started for it,
 * and the sizes are those that `qemu-img info` says.
 *
 * @returns undefined where there is no plain file
 * @throws Failure host-command where it cannot be read; host-output where it is no image
 */
export async function readVolume(file: string, volume: string): Promise<VolumeFile | undefined> {
  try {
    await using handle = await open(file, FLAGS);
    return await volumeIn(handle, volume);
  } catch (error) {
    if (error instanceof Failure) throw error;
    if (isMissing(error) || NONE.has((error as NodeJS.ErrnoException).code)) return undefined;
    throw new Failure('host-command', { problem: messageOf(error) }, { cause: error });
  }
}

async function volumeIn(handle: FileHandle, volume: string): Promise<VolumeFile | undefined> {
  const stat = await handle.stat();
  if (!stat.isFile()) return undefined;
  const format = formatOf(volume);
  const known = { name: volume, format, usedBytes: stat.blocks * SECTOR_BYTES };
  if (format === 'raw') return { ...known, sizeBytes: Math.ceil(stat.size / SECTOR_BYTES) * SECTOR_BYTES };
  const head = await qcow2HeadIn(handle);
  if (head === undefined) throw new Failure('host-output', { problem: `${volume} is not in qcow2 format` });
  const { sizeBytes, backing } = head;
  return { ...known, sizeBytes, ...(backing === undefined ? {} : { backing: backing.name }) };
}
