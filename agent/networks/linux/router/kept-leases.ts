/** Leases outlive their router: one that is stopped and started again, or made again under its name, gives nobody what others still have. */
import { rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing, keepFolder, namesIn } from '#agent/files/folder.ts';

/** Longer than any lease that dnsmasq gives here. */
const KEPT_MS = 30 * 86_400_000;

/** Beside the routers' folders: no router has a name that begins with a dot. */
const keptIn = (folder: string): string => join(folder, '.leases');

/** Put the leases of a router that is being removed aside, and forget those of routers that were removed long ago. */
export async function putLeasesAside(folder: string, router: string, nowMs: number): Promise<void> {
  const kept = keptIn(folder);
  await keepFolder(kept);
  await moved(join(folder, router, 'leases'), join(kept, router));
  for (const name of await namesIn(kept))
    if (nowMs - (await stat(join(kept, name))).mtimeMs > KEPT_MS) await rm(join(kept, name), { force: true });
}

/** Give a router that has no leases yet those that were put aside. */
export async function takeLeasesBack(folder: string, router: string): Promise<void> {
  if ((await namesIn(join(folder, router))).includes('leases')) return;
  await moved(join(keptIn(folder), router), join(folder, router, 'leases'));
}

async function moved(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}
