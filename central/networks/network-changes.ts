/** Changes of networks and of guests' ports, each from a state to the next one. Pure. @throws Failure: why it is refused */

import { Failure } from '#shared/errors.ts';
import { isV6 } from '#shared/model/address.ts';
import {
  allotAddresses,
  allotMac,
  allotVni,
  GUEST_TEMPLATE_MAX,
  LOOK_TEMPLATE,
  type MacPlan,
  vnisOf,
} from './allotment.ts';
import { badArgument, checkedSubnets, networkNamed, networkOf, requireFree, requireFreeMac } from './rules.ts';
import {
  macsOf,
  type NetworkState,
  portsOn,
  routersOn,
  type SiteNetwork,
  type SitePort,
  withoutRow,
  withRow,
} from './state.ts';

export type NewNetwork = Omit<SiteNetwork, 'vni' | 'wanted'>;

/** @throws Failure network-exists, network-subnet, bad-argument, addresses-spent */
export function createNetwork(state: NetworkState, wanted: NewNetwork, random: () => number): NetworkState {
  const { name, kind, link } = wanted;
  if (state.networks.has(name)) throw new Failure('network-exists', { network: name });
  if (kind === 'outside' && link === null) throw badArgument('link', 'say which bridge or link is outside');
  if (kind !== 'outside' && link !== null)
    throw badArgument('link', `a network of the kind ${kind} has a bridge of its own; only one outside names a link`);
  if (link !== null) requireFreeLink(state, link, wanted.hosts);
  const subnets = checkedSubnets(state, wanted.subnets);
  const vni = kind === 'outside' ? null : allotVni(vnisOf(state), random);
  return withRow(state, 'networks', { ...wanted, subnets, vni, wanted: 'up' });
}

/** A link of a host is one network: two could give its addresses twice. That of a network that names no hosts may be of any. */
function requireFreeLink({ networks }: NetworkState, link: string, hosts: readonly string[]): void {
  for (const other of networks.values()) {
    const isApart = hosts.length > 0 && other.hosts.length > 0 && !hosts.some((host) => other.hosts.includes(host));
    if (other.link !== link || isApart) continue;
    const where = other.hosts.length > 0 ? other.hosts.join(', ') : 'any host';
    throw badArgument('link', `${link} of ${where} is the network ${other.name} already: use that one`);
  }
}

/** @throws Failure network-not-found, network-in-use */
export function deleteNetwork(state: NetworkState, name: string): NetworkState {
  networkNamed(state, name);
  const guests = portsOn(state, name).map(({ guest }) => guest);
  const routers = routersOn(state, name).map((router) => `the router ${router.name}`);
  if (guests.length > 0)
    throw new Failure('network-in-use', {
      network: name,
      users: someOf([...guests, ...routers]),
      how: `network detach ${guests[0]} ${name}, and so on`,
    });
  if (routers.length > 0) {
    const how = `router delete ${routersOn(state, name)[0]?.name}`;
    throw new Failure('network-in-use', { network: name, users: someOf(routers), how });
  }
  return withoutNetwork(state, name);
}

/** With its looks. */
export function withoutNetwork(state: NetworkState, name: string): NetworkState {
  const looks = state.looks.entries().flatMap(([id, look]) => (look.network === name ? [id] : []));
  return looks.reduce((left, id) => withoutRow(left, 'looks', id), withoutRow(state, 'networks', name));
}

const SHOWN = 10;
/** Names, not all where there are many. */
export const someOf = (names: readonly string[]): string =>
  names.length > SHOWN ? `${names.slice(0, SHOWN).join(', ')} and ${names.length - SHOWN} more` : names.join(', ');

/** @throws Failure network-not-found */
export const wantNetwork = (state: NetworkState, name: string, wanted: 'up' | 'down'): NetworkState =>
  withRow(state, 'networks', { ...networkNamed(state, name), wanted });

export interface NewPort {
  guest: string;
  ip: readonly string[];
  network?: string | undefined;
  mac?: string | undefined;
  template?: string | undefined;
}

/** @throws Failure network-not-found, network-stopped, address-outside, address-taken, addresses-spent, bad-argument */
export function addPort(state: NetworkState, { guest, ip, ...asked }: NewPort, plan: MacPlan): NetworkState {
  const network = asked.network === undefined ? networkOf(state, ip) : networkNamed(state, asked.network);
  if (network.wanted === 'down') throw new Failure('network-stopped', { network: network.name });
  const there = portsOn(state, network.name).find((port) => port.guest === guest);
  for (const address of there ? ip.filter((each) => !there.addresses.includes(each)) : [])
    requireFree(state, network, address);
  if (there)
    throw badArgument(
      'network',
      `${guest} is on ${network.name} already, with ${[there.mac, ...there.addresses].join(' ')}`,
    );
  if (ip.filter((address) => !isV6(address)).length > 1 || ip.filter(isV6).length > 1)
    throw badArgument('ip', 'one address of IPv4, one of IPv6, or one of both');
  for (const address of ip) requireFree(state, network, address);
  if (asked.mac !== undefined) requireFreeMac(state, asked.mac);
  const mac = asked.mac ?? allotMac(macsOf(state), plan, network.level, templateOf(plan, asked.template));
  const addresses = allotAddresses(state, network, mac, ip);
  // The one that it makes itself may be what another asked for.
  for (const address of addresses) if (!ip.includes(address)) requireFree(state, network, address);
  return withRow(state, 'ports', { mac, network: network.name, guest, addresses });
}

/** The addresses of a guest on the network that has them: of a port that it has there, or of a new one. @throws Failure as addPort */
export function setAddress(
  state: NetworkState,
  { guest, ip }: Pick<NewPort, 'guest' | 'ip'>,
  plan: MacPlan,
): NetworkState {
  const network = networkOf(state, ip);
  const there = portsOn(state, network.name).find((port) => port.guest === guest);
  if (!there) return addPort(state, { guest, ip }, plan);
  const without = withoutRow(state, 'ports', there.mac);
  for (const address of ip) requireFree(without, network, address);
  const kept = there.addresses.filter((address) => !ip.some((each) => isV6(each) === isV6(address)));
  const addresses = allotAddresses(without, network, there.mac, [...new Set([...ip, ...kept])]);
  return withRow(state, 'ports', { ...there, addresses });
}

/** @throws Failure bad-argument */
function templateOf({ templates }: MacPlan, word = '0'): number {
  const named = Object.hasOwn(templates, word) ? templates[word] : undefined;
  const number = named ?? (/^\d{1,3}$/.test(word) ? Number(word) : undefined);
  if (number !== undefined && number <= GUEST_TEMPLATE_MAX) return number;
  const names = Object.keys(templates);
  const known = names.length > 0 ? `, or ${names.join(', ')}` : '';
  throw badArgument('template', `use 0 to ${GUEST_TEMPLATE_MAX}${known}`);
}

/** @throws Failure network-not-found, port-not-found */
export function portOf(state: NetworkState, guest: string, network: string): SitePort {
  const port = portsOn(state, networkNamed(state, network).name).find((each) => each.guest === guest);
  if (port) return port;
  throw new Failure('port-not-found', { guest, what: `on ${network}` });
}

/** Ports of a guest that is no more. */
export const withoutGuest = (state: NetworkState, guest: string): NetworkState =>
  state.ports
    .values()
    .filter((port) => port.guest === guest)
    .reduce((left, { mac }) => withoutRow(left, 'ports', mac), state);

/**
 * A leg of a host on a network, from which probes look; where there is one, that stays.
 * @throws Failure network-not-found, addresses-spent, bad-argument: it has no subnet
 */
export function addLook(
  state: NetworkState,
  { network: name, host }: { network: string; host: string },
  plan: MacPlan,
): NetworkState {
  const network = networkNamed(state, name);
  if (state.looks.has(`${name} ${host}`)) return state;
  if (network.subnets.length === 0 || network.kind === 'outside')
    throw badArgument('from', `${name} has no subnet of its own, and nobody can look from there`);
  const mac = allotMac(macsOf(state), plan, network.level, LOOK_TEMPLATE);
  const addresses = allotAddresses(state, network, mac, []);
  return withRow(state, 'looks', { network: name, host, mac, addresses: addresses.map(withLength(network)) });
}

const withLength =
  ({ subnets }: SiteNetwork) =>
  (address: string): string => {
    const subnet = subnets.find((each) => isV6(each) === isV6(address)) ?? '';
    return `${address}${subnet.slice(subnet.indexOf('/'))}`;
  };
