/** Zones that are made whole, or not at all. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isThere, namesIn } from '#agent/files/folder.ts';
import { Failure } from '#shared/errors.ts';
import { configText, type ZoneConfig } from './config-text.ts';
import { type Ground, zoneFolder } from './ground.ts';
import { folderMode, ROOT_HERE } from './roots.ts';
import { forgetSnapshots } from './snapshots.ts';

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
  await writeFile(join(work, 'config'), text, { mode: 0o600, flush: true });
  if (!(await isThere(stat(folder)))) {
    await chmod(work, folderMode(config));
    return rename(work, folder);
  }
  await forgetSnapshots(ground, name, []);
  await ground.zones.renew(name);
  await rename(join(work, 'rootfs'), join(folder, place));
  await rename(join(work, 'config'), join(folder, 'config'));
}

/** What a deleted zone of that name has left is not touched. */
async function freePlace(folder: string): Promise<string> {
  return (await isThere(stat(join(folder, 'rootfs')))) ? `rootfs-${randomBytes(4).toString('hex')}` : 'rootfs';
}
