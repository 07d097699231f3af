import { bridgeOfOver, overOf, skerryLink } from '#agent/illumos/link-names.ts';
import type { Vnic } from '#agent/illumos/links.ts';
import { Failure } from '#shared/errors.ts';
import { Mac } from '#shared/model/address.ts';
import { VNIC } from './brands.ts';
import { attribute, type Resource, resource, resourcesOf, settingOf, type ZoneConfig } from './zone-config.ts';

/** A vnic that a zone is given. */
export type ZoneVnic = Required<Vnic>;

/** The vnics that a configuration says to be made for its zone. @throws Failure guest-definition */
export const vnicsIn = (config: ZoneConfig): ZoneVnic[] => resourcesOf(config, 'attr').flatMap(vnicOf);

function vnicOf(attr: Resource): ZoneVnic[] {
  const name = settingOf(attr, 'name') ?? '';
  if (!name.startsWith(VNIC)) return [];
  const link = name.slice(VNIC.length);
  const value = settingOf(attr, 'value') ?? '';
  const [, bridge, mac, mtu] = /^over=([A-Za-z0-9_.-]+),mac=([0-9a-f:]{17}),mtu=(\d{3,5})$/.exec(value) ?? [];
  if (bridge === undefined || skerryLink(link) === undefined || !Mac.safeParse(mac).success)
    throw new Failure('guest-definition', {
      problem: `the attribute ${name} is to be like over=sk-lan,mac=52:54:00:63:00:0c,mtu=1450`,
    });
  return [{ link, over: overOf(bridge), mac: String(mac), mtu: Number(mtu) }];
}

export const vnicAttribute = ({ link, over, mac, mtu }: ZoneVnic): Resource =>
  attribute(`${VNIC}${link}`, `over=${bridgeOfOver(over)},mac=${mac},mtu=${mtu}`);

/** What a zone is told of one of its links. `address` with its prefix is all that it may use; without it, it may use any. */
export interface Net {
  physical: string;
  address?: string;
  gateway?: string;
}

/**
 * The resource of an exclusive-ip zone. A zone that passes on what others send has no address here: the guard of an address would stop that.
 *
 * @throws Failure guest-definition
 */
export const exclusiveNet = ({ physical, address, gateway }: Net): Resource =>
  resource('net', { physical, 'allowed-address': address, defrouter: gateway });

/** Of a shared-ip zone: the link is the global zone's, and the address a part of it. */
export const sharedNet = ({ physical, address, gateway }: Net): Resource =>
  resource('net', { physical, address, defrouter: gateway });

export const isNetOf =
  (link: string) =>
  (each: Resource): boolean =>
    each.kind === 'net' && settingOf(each, 'physical') === link;

export const isVnicAttribute =
  (link: string) =>
  (each: Resource): boolean =>
    each.kind === 'attr' && settingOf(each, 'name') === `${VNIC}${link}`;

/** A configuration with this vnic, in place of those of the same MAC. */
export function withVnic(config: ZoneConfig, vnic: ZoneVnic): ZoneConfig {
  const same = vnicsIn(config).find((each) => each.mac === vnic.mac);
  if (same && same.link === vnic.link)
    return {
      ...config,
      resources: config.resources.map((each) => (isVnicAttribute(vnic.link)(each) ? vnicAttribute(vnic) : each)),
    };
  const rest = withoutMac(config, vnic.mac);
  return { ...rest, resources: [...rest.resources, exclusiveNet({ physical: vnic.link }), vnicAttribute(vnic)] };
}

export function withoutMac(config: ZoneConfig, mac: Mac): ZoneConfig {
  const links = vnicsIn(config)
    .filter((each) => each.mac === mac)
    .map(({ link }) => link);
  return {
    ...config,
    resources: config.resources.filter(
      (each) => !links.some((link) => isNetOf(link)(each) || isVnicAttribute(link)(each)),
    ),
  };
}
