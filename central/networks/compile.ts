/**
 * What each host shall realise, made of what the site wants, of where its guests are and of what is known of the hosts. Pure, and the same
 * for the same: hosts and central know by a digest whether they mean the same.
 *
 * A host realises a network that is wanted up when it is named for it, has a guest with a port on it, or has a router or a look on it.
 */

import { isV6, split } from '#shared/model/address.ts';
import { bridgeOf, HostNetworks, type HostPort, portLinkOf } from '#shared/model/network.ts';
import { routersFor } from './compile-routers.ts';
import { waitsFor } from './router-moves.ts';
import type { NetworkState, SiteLook, SiteNetwork, SitePort, SiteRouter } from './state.ts';
import { meshFor, tunnelFor, tunnelTroubles, type Ways } from './tunnels.ts';

export interface World extends Ways {
  /** All hosts of the site. */
  hosts: ReadonlySet<string>;
  /** Where a guest is: on two hosts while it moves; on none, when it is away. */
  hostsOf(guest: string): readonly string[];
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
    const { name, host, heldBy, outside, legs, wanted } = router;
    if (wanted === 'down') continue;
    if (heldBy !== host) {
      troubles.push({ what: 'router', name, problem: waitsFor(router) });
      continue;
    }
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
  const { state, world, realisers } = site;
  const joined = [...(share?.networks ?? [])].filter((name) => state.networks.get(name)?.vni !== null);
  const mesh = meshFor(
    host,
    joined.map((name) => realisers.get(name) ?? []),
    world,
  );
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
    ...(mesh ? { mesh } : {}),
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
  const { name, kind, mtu } = network;
  const tunnel = tunnelFor(host, network, realisers.get(name) ?? [], world);
  return { name, kind, link: linkOf(network), mtu, ...(tunnel ? { tunnel } : {}) };
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
