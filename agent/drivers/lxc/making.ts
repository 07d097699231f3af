import { randomBytes } from 'node:crypto';
import type { DriverGuest, GuestId, Work } from '#agent/drivers/driver.ts';
import { imageIn } from '#agent/images/folder.ts';
import { Failure } from '#shared/errors.ts';
import { GuestForm, type GuestRecipe } from '#shared/model/guest.ts';
import { portLinkOf } from '#shared/model/network.ts';
import { checkedConfig, settingOf, withValue, type ZoneConfig } from './config-text.ts';
import { consoleLog, type Ground } from './ground.ts';
import { makeZone } from './new-zone.ts';
import { macsIn, withOwnMac, withoutNic, withoutSingle } from './nic-config.ts';
import { zoneIn } from './power.ts';
import { readGuest, type Zone } from './reading.ts';
import { copyRoot, dropDevices, fillRoot, inRootTurn, ROOT_HERE, rootFolderOf, unpacking } from './roots.ts';
import { definitionOfForm } from './short-form.ts';
import { withAutostart, withName } from './zone-config.ts';

/** Make a zone with a root of its own, from a root file system, an archive of one, or a squashfs. */
export async function createGuest(
  ground: Ground,
  imageFolder: string,
  recipe: GuestRecipe,
  { signal, progress }: Work,
): Promise<DriverGuest> {
  signal.throwIfAborted();
  const image = await imageIn(imageFolder, recipe.image, ground.host);
  const { name, vcpus, memoryMiB, nics, title, options } = recipe;
  const [unknown] = Object.keys(options);
  if (unknown !== undefined)
    throw new Failure('guest-definition', { problem: `there is no option ${unknown}; zones of LXC have none` });
  await requireFree(ground, name);
  const form = GuestForm.parse({ name, vcpus, memoryMiB, nics, title, disks: [ROOT_HERE] });
  const config = checkedConfig(definitionOfForm(form, ground));
  const fill = async (root: string): Promise<ZoneConfig> => {
    progress(`copying ${image.name}`);
    await fillRoot(ground, unpacking(image, root), signal);
    await ground.run(dropDevices(root), signal);
    return config;
  };
  await makeZone(ground, name, fill, signal);
  return readGuest(ground, (await ground.zones.idOf(name)) ?? '', signal);
}

/** Make a zone of one that is off, with a copy of its root. @throws Failure clone-unfit */
export async function cloneGuest(
  ground: Ground,
  id: GuestId,
  { name, linked }: { name: string; linked: boolean },
  { signal, progress }: Work,
): Promise<DriverGuest> {
  const off = (): Promise<Zone> => zoneIn(ground, id, 'guest.clone', ['shutoff'], signal);
  const origin = await off();
  await requireFree(ground, name);
  const unfit = (problem: string): Failure => new Failure('clone-unfit', { guest: origin.name, problem });
  if (linked)
    throw unfit(
      'zones share nothing by being linked; a full clone shares its blocks where the file system can (btrfs, xfs)',
    );
  const from = rootFolderOf(origin.config);
  if (from === undefined) throw unfit('its root is no folder');
  const fill = (root: string): Promise<ZoneConfig> =>
    inRootTurn(ground, id, signal, async () => {
      progress('copying its root');
      await copyRoot(ground, from, root, signal);
      // Of one that somebody has started meanwhile the copy is not whole.
      await off();
      return configOfClone(ground, origin.config, origin.name, name);
    });
  await makeZone(ground, name, fill, signal);
  return readGuest(ground, (await ground.zones.idOf(name)) ?? '', signal);
}

async function requireFree(ground: Ground, name: string): Promise<void> {
  if ((await ground.zones.idOf(name)) !== undefined)
    throw new Failure('guest-exists', { guest: name, host: ground.host });
}

/** Interfaces that Skerry gave are left out; each other one gets a MAC of its own, and no address. The host does not start the clone by itself. */
export function configOfClone(
  ground: Pick<Ground, 'logFolder'>,
  origin: ZoneConfig,
  originName: string,
  name: string,
): ZoneConfig {
  const nics = macsIn(origin).reduce<ZoneConfig>(
    (config, { mac, link }) => (link === portLinkOf(mac) ? withoutNic(config, mac) : withOwnMac(config, mac, newMac())),
    origin,
  );
  const own = withAutostart(withoutSingle(nics), false);
  const log = settingOf(own, 'lxc.console.logfile');
  const logged = log === undefined ? own : withValue(own, 'lxc.console.logfile', consoleLog(ground, name));
  return withValue(withName(logged, originName, name), 'lxc.rootfs.path', `dir:${ROOT_HERE}`);
}

const newMac = (): string =>
  ['52', '54', '00', ...[...randomBytes(3)].map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
