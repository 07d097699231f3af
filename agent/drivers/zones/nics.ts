import type { DriverNic, GuestId } from '#agent/drivers/driver.ts';
import { bridgeOfOver, illumosLink, overOf, skerryLink } from '#agent/illumos/link-names.ts';
import { Failure } from '#shared/errors.ts';
import type { Mac } from '#shared/model/address.ts';
import { NicWanted } from '#shared/model/nic.ts';
import { ACTIVE } from './acting.ts';
import { type Ground, zoneOf } from './ground.ts';
import { reconfigure } from './reconfiguring.ts';
import { vnicsIn, withoutMac, withVnic, type ZoneVnic } from './vnics.ts';
import { readLinks } from './zone-links.ts';

/** Why a zone that runs keeps what it has. */
const LATER = 'a zone is given its links when it starts';

/** Links that zones have of their own; a link that is shared with the host has no MAC of its own, and is none. */
export async function listNics(ground: Ground, id: GuestId, signal: AbortSignal): Promise<DriverNic[]> {
  const zone = await zoneOf(ground, id, signal);
  const { config } = await ground.configs.read(zone.name, signal);
  const defined = vnicsIn(config);
  if (!ACTIVE.includes(zone.state)) return defined.map((vnic) => nicOf(vnic, 'now'));
  const found = [...(await readLinks(ground, signal)).values()].filter((link) => link.zone === zone.name);
  const running = found.flatMap(({ link, over, mac, mtu }): ZoneVnic[] =>
    over === undefined || mac === undefined || mtu === undefined ? [] : [{ link, over, mac, mtu }],
  );
  const isIn = (vnics: readonly ZoneVnic[], vnic: ZoneVnic): boolean =>
    vnics.some((each) => JSON.stringify(nicOf(each, 'now')) === JSON.stringify(nicOf(vnic, 'now')));
  return [
    ...running.map((vnic) => nicOf(vnic, isIn(defined, vnic) ? 'now' : 'until it stops')),
    ...defined
      .filter((vnic) => !isIn(running, vnic))
      .map((vnic) => ({ ...nicOf(vnic, 'from the next start'), problem: LATER })),
  ];
}

const nicOf = ({ link, over, mac, mtu }: ZoneVnic, holds: DriverNic['holds']): DriverNic => ({
  ...{ mac, kind: 'bridge', source: bridgeOfOver(over), link: skerryLink(link) ?? link, model: 'vnic', mtu },
  holds,
});

/** @throws Failure guest-definition of a zone that shares its host's links */
export async function attachNic(
  ground: Ground,
  id: GuestId,
  wanted: NicWanted,
  signal: AbortSignal,
): Promise<DriverNic[]> {
  const { mac, bridge, link, mtu } = NicWanted.parse(wanted);
  const zone = await zoneOf(ground, id, signal);
  if (zone.ipType === 'shared')
    throw new Failure('guest-definition', { problem: `${zone.name} shares its host's links: its ip-type is shared` });
  const vnic: ZoneVnic = { link: illumosLink(link), over: overOf(bridge), mac, mtu };
  await reconfigure(ground, zone, (config) => withVnic(config, vnic), signal);
  return (await listNics(ground, id, signal)).filter((nic) => nic.mac === mac);
}

export async function detachNic(ground: Ground, id: GuestId, mac: Mac, signal: AbortSignal): Promise<DriverNic[]> {
  const zone = await zoneOf(ground, id, signal);
  await reconfigure(ground, zone, (config) => withoutMac(config, mac), signal);
  return (await listNics(ground, id, signal)).filter((nic) => nic.mac === mac);
}
