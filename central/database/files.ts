import { open } from 'node:fs/promises';

/** On the disk, so that it is there after a power cut: a file, or what names a folder has. */
export async function synced(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A time as a part of a file's name: `20270101T030000000Z`. */
export const stampOf = (ms: number): string => new Date(ms).toISOString().replace(/[-:.]/g, '');
