import type { DriverGuest, GuestId } from '#agent/drivers/driver.ts';
import type { Command } from '#agent/exec/run.ts';
import { illumosLink, skerryLink } from '#agent/illumos/link-names.ts';
import { Failure } from '#shared/errors.ts';
import { portLinkOf } from '#shared/model/network.ts';
import { type Need, zoneIn } from './acting.ts';
import { cloneZone, installZone, listMountpoints } from './commands.ts';
import type { Ground } from './ground.ts';
import { readZones } from './ground.ts';
import { type Making, makeZone } from './making.ts';
import { parseDefinition, planOf, withoutImage, type ZonePlan } from './plan.ts';
import { readGuest } from './reading.ts';
import { reconfigure } from './reconfiguring.ts';
import { configOf, ownLinkOf, ownMac, type ZoneForm } from './short-form.ts';
import { isNetOf, isVnicAttribute, vnicAttribute, vnicsIn } from './vnics.ts';
import { type Resource, resourcesOf, settingOf, withBrandOf, type ZoneConfig } from './zone-config.ts';
import type { Zone } from './zone-list.ts';

/** Make a zone as a form says. */
export function createGuest(ground: Ground, form: ZoneForm, making: Making): Promise<DriverGuest> {
  const plan = planOf({ name: form.name, config: configOf(form, ground) }, ground.zonesFolder);
  return made(ground, plan, installZone(plan.name, plan.install), making);
}

async function made(ground: Ground, plan: ZonePlan, fill: Command, making: Making): Promise<DriverGuest> {
  const { id } = await makeZone(ground, plan, fill, making);
  return readGuest(ground, id, making.signal);
}

/** Make a zone of a definition, or change the one that is there: it stays the same zone. */
export async function defineGuest(
  ground: Ground,
  text: string,
  { replace }: { replace: boolean },
  signal: AbortSignal,
): Promise<DriverGuest> {
  const definition = parseDefinition(text);
  const zone = (await readZones(ground, signal)).find(({ name }) => name === definition.name);
  const plan = planOf(definition, ground.zonesFolder);
  if (!zone || !replace)
    return made(ground, plan, installZone(plan.name, plan.install), { signal, progress: () => {} });
  await reconfigure(ground, zone, (before) => withBrandOf(before, plan.config), signal);
  return readGuest(ground, zone.id, signal);
}

const CLONE: Need = { verb: 'guest.clone', states: ['installed'], needed: 'off' };

/**
 * Make a zone with the files of another one, which is off.
 *
 * @throws Failure clone-unfit of a machine: its disks are volumes, which zoneadm does not copy
 */
export async function cloneGuest(
  ground: Ground,
  id: GuestId,
  { name, linked }: { name: string; linked: boolean },
  making: Making,
): Promise<DriverGuest> {
  const source = await zoneIn(ground, id, CLONE, making.signal);
  const { config } = await ground.configs.read(source.name, making.signal);
  const plan = planOf({ name, config: cloneConfig(config, name, ground.zonesFolder) }, ground.zonesFolder);
  if (plan.brand.limits === 'attributes')
    throw unfit(source.name, 'it is a machine with disks of its own, which zoneadm does not copy');
  if (linked) await requireDataset(ground, source, making.signal);
  return made(ground, plan, cloneZone(name, source.name, linked), making);
}

const unfit = (guest: string, problem: string): Failure => new Failure('clone-unfit', { guest, problem });

/** Where a zone has no file system of ZFS of its own, zoneadm would copy it without a word. */
async function requireDataset({ run }: Ground, { name, path }: Zone, signal: AbortSignal): Promise<void> {
  const places = (await run(listMountpoints(), signal)).split('\n');
  if (!places.includes(path)) throw unfit(name, `${path} is no file system of ZFS, and so its clone would be a copy`);
}

/** An address that no second zone may have, and the way out by it. A net of a zone that shares its links is nothing without its own. */
const ADDRESSING: readonly string[] = ['allowed-address', 'defrouter'];
const isShared = (each: Resource): boolean => each.kind === 'net' && settingOf(each, 'address') !== undefined;

/**
 * Links that Skerry gave, and those of somebody else, are the other zone's; each other one gets a MAC of its own. Addresses stay with the other zone:
 * an own link without one asks by DHCP.
 */
export function cloneConfig(config: ZoneConfig, name: string, zonesFolder: string): ZoneConfig {
  const isExclusive = config.properties.get('ip-type') === 'exclusive';
  const vnics = vnicsIn(config);
  const kept = vnics.filter(({ link, mac }) => skerryLink(link) !== portLinkOf(mac));
  const anew = new Map(
    kept.map((vnic, at) => {
      const mac = ownMac(name, at);
      return [vnic.link, { ...vnic, mac, link: illumosLink(ownLinkOf(mac)) }];
    }),
  );
  const gone = isExclusive
    ? resourcesOf(config, 'net')
        .map((net) => settingOf(net, 'physical') ?? '')
        .filter((link) => !anew.has(link))
    : [];
  return {
    ...withoutImage(config),
    properties: new Map([...config.properties, ['zonepath', `${zonesFolder}/${name}`], ['autoboot', 'false']]),
    resources: withoutImage(config).resources.flatMap((each) => {
      if (isShared(each) || gone.some((link) => isNetOf(link)(each) || isVnicAttribute(link)(each))) return [];
      for (const [link, vnic] of anew) {
        if (isVnicAttribute(link)(each)) return [vnicAttribute(vnic)];
        if (isNetOf(link)(each))
          return [
            {
              ...each,
              settings: each.settings
                .filter(({ name: what }) => !ADDRESSING.includes(what))
                .map((one) => (one.name === 'physical' ? { ...one, value: vnic.link } : one)),
            },
          ];
      }
      return [each];
    }),
  };
}
