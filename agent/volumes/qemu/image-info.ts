import { z } from 'zod';
import type { Command } from '#agent/exec/run.ts';
import type { VolumeFile } from '#agent/volumes/driver.ts';
import { Failure } from '#shared/errors.ts';
import { formatOf } from '#shared/model/volume.ts';

/** Also of an image that somebody has open. */
export const readImage = (file: string, volume: string): Command => ({
  file: 'qemu-img',
  args: ['info', '--output=json', '--force-share', '-f', formatOf(volume), file],
  timeoutMs: 20_000,
});

const ImageInfo = z.object({
  'virtual-size': z.int().nonnegative(),
  'actual-size': z.int().nonnegative().default(0),
  'backing-filename': z.string().optional(),
});

/**
 * What an image is.
 *
 * Shape: an object of JSON. Units: bytes.
 * @throws Failure host-output
 * Source: qemu-img(1); recorded in test/fixtures/qemu-img/
 */
export function parseImage(volume: string, stdout: string): VolumeFile {
  const info = ImageInfo.safeParse(jsonIn(stdout));
  if (!info.success) throw new Failure('host-output', { problem: `qemu-img of ${volume}: ${stdout.slice(0, 100)}` });
  const backing = info.data['backing-filename'];
  return {
    name: volume,
    format: formatOf(volume),
    sizeBytes: info.data['virtual-size'],
    usedBytes: info.data['actual-size'],
    ...(backing === undefined ? {} : { backing }),
  };
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
