import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing, namesIn } from '#agent/files/folder.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { type ImageKind, ImageName } from '#shared/model/image.ts';
import { didYouMean } from '#shared/verb/suggest.ts';

/** An entry of the folder of images: guests are made of it, and it is never written to. */
export interface Image {
  name: string;
  path: string;
  kind: ImageKind;
}

/** How files of each kind begin; a tar has its word further behind. */
const BEGINNINGS: readonly (readonly [ImageKind, number, Uint8Array])[] = [
  ['qcow2', 0, Buffer.from('QFI\xfb', 'latin1')],
  ['squashfs', 0, Buffer.from('hsqs')],
  ['tar.gz', 0, Buffer.from([0x1f, 0x8b])],
  ['tar.xz', 0, Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])],
  ['tar.zst', 0, Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
  ['tar', 257, Buffer.from('ustar')],
];
const LOOKED_AT_BYTES = 512;

/**
 * The image of that name. What it is, its content says, and not its name; what begins as none of the others is a raw disk.
 *
 * @throws Failure image-not-found with those that have a name like it, bad-argument for what can be no name, host-command
 */
export async function imageIn(folder: string, name: string, host: string): Promise<Image> {
  // A name came over the wire: nothing that is no component of a path gets into one.
  if (!ImageName.safeParse(name).success)
    throw new Failure('bad-argument', { field: 'image', problem: 'it is the name of an entry, and no path' });
  const path = join(folder, name);
  try {
    return { name, path, kind: await kindOf(path) };
  } catch (error) {
    if (!isMissing(error)) throw new Failure('host-command', { problem: messageOf(error) }, { cause: error });
    const hint = didYouMean(name, await namesIn(folder));
    throw new Failure('image-not-found', { image: name, host, hint }, { cause: error });
  }
}

async function kindOf(path: string): Promise<ImageKind> {
  const found = await stat(path);
  if (found.isDirectory()) return 'folder';
  if (!found.isFile()) throw new Error(`${path} is neither a file nor a folder`);
  await using file = await open(path, 'r');
  const { buffer, bytesRead } = await file.read(Buffer.alloc(LOOKED_AT_BYTES), 0, LOOKED_AT_BYTES, 0);
  const begins = buffer.subarray(0, bytesRead);
  const known = BEGINNINGS.find(([, at, bytes]) => begins.subarray(at, at + bytes.length).equals(bytes));
  return known?.[0] ?? 'raw';
}
