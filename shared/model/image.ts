import { z } from 'zod';

/** An entry of a host's folder of images: one component of a path, and never one that leads out of the folder. */
export const ImageName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$/, 'use 1 to 128 of A-Z a-z 0-9 . _ + -, and begin with a letter or digit')
  .meta({ title: 'Image', description: 'Name of an entry in the folder of images that the host is configured with.' });

/**
 * What an image is, by its content: a folder that holds a root file system; a tar archive of one, perhaps compressed; a file system
 * (squashfs) or a disk (qcow2, raw).
 */
export const ImageKind = z.enum(['folder', 'tar', 'tar.gz', 'tar.xz', 'tar.zst', 'squashfs', 'qcow2', 'raw']);
export type ImageKind = z.infer<typeof ImageKind>;
