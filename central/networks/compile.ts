/**
 * What each host shall realise, made of what the site wants, of where its guests are and of what is known of the hosts. Pure, and the same
 * for the same: hosts and central know by a digest whether they mean the same.
 *
 * A host realises a network that is wanted up when it is named for it, has a guest with a port on it, or has a router or a look on it.
 */

import { isV6, split } from '#shared/model/address.ts';
import { bridgeOf, HostNetworks, type HostPort, portLinkOf } from '#shared/model/network.ts';
import { routersFor } from './compile-routers.ts';
import type { NetworkState, SiteLook, SiteNetwork, SitePort, SiteRouter } from './state.ts';

export interface Underlay {
  address: string;
  mtu: number;
}

export interface World {
  /** All hosts of the site. */
  hosts: ReadonlySet<string>;
  /** Where a guest is: on two hosts while it moves; on none, when it is away. */
  hostsOf(guest: string): readonly string[];
  /** Where a host's tunnels begin, as far as it is known. */
  underlayOf(host: string): Underlay | undefined;
}

/** What cannot be as it is wanted. */
export interface PlanTrouble {
  what: 'network' | 'router';
  name: string;
  problem: string;
}

export interface Compiled {
  /** Those that have something to realise. Sorted. */
  hosts: readonly string[];
  documentOf(host: string): HostNetworks;
  /** Which hosts realise a network. Sorted. */
  realisersOf(network: string): readonly string[];
  troubles: readonly PlanTrouble[];
}

/** The MTU that an underlay needs more than what is in the tunnel: VXLAN (RFC 7348) over IPv4, over IPv6. */
export const tunnelBytes = (address: string): number => (isV6(address) ? 70 : 50);

/** The link of a network on its hosts. */
export const linkOf = ({ name, link }: Pick<SiteNetwork, 'name' | 'link'>): string => link ?? bridgeOf(name);

interface Shares {
  networks: Set<string>;
  ports: SitePort[];
  looks: SiteLook[];
  routers: SiteRouter[];
}

export function compileSite(state: NetworkState, world: World): Compiled {
  const troubles: PlanTrouble[] = [];
  const shares = sharesOf(state, world, troubles);
  const realisers = new Map<string, string[]>();
  for (const [host, { networks }] of [...shares].sort(byKey))
    for (const name of networks) realisers.set(name, [...(realisers.get(name) ?? []), host]);
  for (const [name, hosts] of realisers) {
    const network = state.networks.get(name);
    if (network) troubles.push(...tunnelTroubles(network, hosts, world));
  }
  const made = new Map<string, HostNetworks>();
  return {
    hosts: [...shares.keys()].sort(),
    realisersOf: (network) => realisers.get(network) ?? [],
    documentOf: (host) => {
      const known = made.get(host) ?? documentFor(host, shares.get(host), { state, world, realisers });
      made.set(host, known);
      return known;
    },
    troubles,
  };
}

const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);

/** What falls to which host. */
function sharesOf(state: NetworkState, world: World, troubles: PlanTrouble[]): Map<string, Shares> {
  const shares = new Map<string, Shares>();
  const at = (host: string): Shares => {
    const share = shares.get(host) ?? { networks: new Set(), ports: [], looks: [], routers: [] };
    shares.set(host, share);
    return share;
  };
  const isUp = (network: string): boolean => state.networks.get(network)?.wanted === 'up';
  for (const { name, hosts } of state.networks.values())
    for (const host of isUp(name) ? hosts : [])
      if (world.hosts.has(host)) at(host).networks.add(name);
      else troubles.push({ what: 'network', name, problem: `${host} is no host of the site any more` });
  for (const port of state.ports.values())
    for (const host of isUp(port.network) ? world.hostsOf(port.guest) : []) {
      at(host).ports.push(port);
      at(host).networks.add(port.network);
    }
  for (const look of state.looks.values())
    if (isUp(look.network) && world.hosts.has(look.host)) {
      at(look.host).looks.push(look);
      at(look.host).networks.add(look.network);
    }
  for (const router of state.routers.values()) {
    const { name, host, outside, legs, wanted } = router;
    if (wanted === 'down') continue;
    if (!world.hosts.has(host)) {
      troubles.push({ what: 'router', name, problem: `${host} is no host of the site any more` });
      continue;
    }
    at(host).routers.push(router);
    for (const leg of [outside, ...legs]) if (leg && isUp(leg.network)) at(host).networks.add(leg.network);
  }
  return shares;
}

interface Site {
  state: NetworkState;
  world: World;
  realisers: ReadonlyMap<string, readonly string[]>;
}

function documentFor(host: string, share: Shares | undefined, site: Site): HostNetworks {
  const { state } = site;
  // By the schema, so that all keys are in one order, and defaults are there: it has one digest here and there.
  return HostNetworks.parse({
    networks: [...(share?.networks ?? [])]
      .sort()
      .map((name) => networkFor(host, state.networks.get(name) as SiteNetwork, site)),
    ports: (share?.ports ?? []).map(portFor).sort(byLink),
    looks: (share?.looks ?? [])
      .toSorted((a, b) => (a.network < b.network ? -1 : 1))
      .map((look) => lookFor(state, look)),
    routers: routersFor(state, share?.routers ?? []),
  });
}

const portFor = ({ network, mac, guest, addresses }: SitePort): HostPort => ({
  network,
  mac,
  guest,
  addresses: [...addresses],
});
const byLink = (a: HostPort, b: HostPort): number => (portLinkOf(a.mac) < portLinkOf(b.mac) ? -1 : 1);

function networkFor(host: string, network: SiteNetwork, { world, realisers }: Site) {
  const { name, kind, mtu, vni } = network;
  const local = world.underlayOf(host)?.address;
  const peers = (realisers.get(name) ?? []).flatMap((other) => {
    const address = other === host ? undefined : world.underlayOf(other)?.address;
    return address !== undefined && local !== undefined && isV6(address) === isV6(local) ? [address] : [];
  });
  const tunnel =
    vni !== null && local !== undefined && peers.length > 0 ? { vni, local, peers: peers.sort() } : undefined;
  return { name, kind, link: linkOf(network), mtu, ...(tunnel ? { tunnel } : {}) };
}

/** Why hosts of a network are not joined, or not for all that is sent. */
function tunnelTroubles(network: SiteNetwork, hosts: readonly string[], world: World): PlanTrouble[] {
  if (network.vni === null || hosts.length < 2) return [];
  const { name, mtu } = network;
  const told = (problem: string): PlanTrouble => ({ what: 'network', name, problem });
  const underlays = hosts.map((host) => ({ host, underlay: world.underlayOf(host) }));
  const families = new Set(underlays.flatMap(({ underlay }) => (underlay ? [isV6(underlay.address)] : [])));
  const parted =
    families.size > 1 ? [told('its hosts are not all joined: some have an underlay of IPv4, some of IPv6')] : [];
  const each = underlays.flatMap(({ host, underlay }) => {
    if (!underlay)
      return [told(`${host} is not joined to the others: it has no underlay; name one in its configuration`)];
    const fits = underlay.mtu - tunnelBytes(underlay.address);
    return mtu <= fits
      ? []
      : [told(`packets of ${mtu} bytes do not fit through the underlay of ${host}: ${fits} is the most`)];
  });
  return [...parted, ...each];
}

function lookFor(state: NetworkState, { network, mac, addresses }: SiteLook) {
  const routers = [...state.routers.values()]
    .filter(({ wanted }) => wanted === 'up')
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(({ legs }) => legs)
    .filter((leg) => leg.network === network)
    .flatMap((leg) => leg.addresses.map((address) => split(address).address));
  const gateways = [false, true].flatMap((six) => routers.find((address) => isV6(address) === six) ?? []);
  return { network, mac, addresses: [...addresses], gateways, dns: routers.slice(0, 8) };
}
