/** Routers as their host realises them. Pure. A leg on a network that is stopped is left out, with all that needs it. */
import { isV6, numberOf } from '#shared/model/address.ts';
import type { Forward, HostRouter, Ingress } from '#shared/model/network.ts';
import { addressesOf } from './entry-changes.ts';
import { labelsOf } from './labels.ts';
import { type Destination, type NetworkState, portsOn, type SiteLeg, type SiteRouter } from './state.ts';

export const routersFor = (state: NetworkState, routers: readonly SiteRouter[]): HostRouter[] =>
  routers.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map((router) => routerFor(state, router));

function routerFor(state: NetworkState, router: SiteRouter): HostRouter {
  const isUp = ({ network }: SiteLeg): boolean => state.networks.get(network)?.wanted === 'up';
  const legs = router.legs.filter(isUp);
  const outside = router.outside && isUp(router.outside) ? router.outside : undefined;
  const networks = legs.map(({ network }) => network);
  const ofKind = (kind: string) => (outside ? networks.filter((name) => state.networks.get(name)?.kind === kind) : []);
  const domains = networks.flatMap((name) => {
    const domain = state.networks.get(name)?.domain;
    return domain ? [[name, domain] as const] : [];
  });
  return {
    name: router.name,
    ...(outside ? { outside: { ...legFor(outside), gateways: [...outside.gateways] } } : {}),
    legs: legs.map(legFor),
    nat: ofKind('nat').sort(),
    routed: ofKind('routed').sort(),
    domains: Object.fromEntries(domains.sort(([a], [b]) => (a < b ? -1 : 1))),
    dns: [...router.dns],
    hosts: networks.toSorted().flatMap((network) => namesOn(state, network)),
    pools: router.pools.filter(({ network }) => networks.includes(network)).map((pool) => ({ ...pool })),
    forwards: outside ? forwardsFor(state, router, legs, outside) : [],
    ingress: outside ? ingressFor(state, router, legs) : [],
  };
}

const legFor = ({ network, mac, addresses }: SiteLeg) => ({ network, mac, addresses: [...addresses] });

/** Who is on a network, by which name: guests that are away too, so that their addresses stay theirs. */
function namesOn(state: NetworkState, network: string): HostRouter['hosts'] {
  const ports = portsOn(state, network).toSorted((a, b) => (a.mac < b.mac ? -1 : 1));
  const labels = labelsOf(ports.map(({ guest }) => guest));
  return ports.map(({ mac, guest, addresses }) => ({
    network,
    mac,
    name: labels.get(guest) as string,
    addresses: [...addresses],
  }));
}

/** Of IPv4, and where the router has an address of IPv6 outside, of IPv6 too. */
function forwardsFor(state: NetworkState, { name }: SiteRouter, legs: readonly SiteLeg[], outside: SiteLeg): Forward[] {
  const hasV6 = outside.addresses.some(isV6);
  return [...state.forwards.values()]
    .filter(({ router }) => router === name)
    .sort((a, b) => a.port - b.port || (a.protocol < b.protocol ? -1 : 1))
    .flatMap(({ protocol, port, to }) =>
      eachFamily(addressesOf(state, { legs }, to))
        .filter((address) => !isV6(address) || hasV6)
        .map((address) => ({ protocol, port, address, toPort: to.port })),
    );
}

function ingressFor(state: NetworkState, { name: router }: SiteRouter, legs: readonly SiteLeg[]): Ingress[] {
  const serversAt = (to: Destination) => {
    const [address] = eachFamily(addressesOf(state, { legs }, to));
    return address === undefined ? [] : [{ address, port: to.port }];
  };
  return [...state.ingress.values()]
    .filter((entry) => entry.router === router)
    .sort((a, b) => (`${a.name} ${a.port}` < `${b.name} ${b.port}` ? -1 : 1))
    .map(({ name, port, servers, check }) => ({
      name,
      port,
      servers: uniqueServers(servers.flatMap(serversAt)),
      ...(check === null ? {} : { check }),
    }));
}

/** A guest, and an address that is the guest's, may both be named. */
const uniqueServers = (servers: Ingress['servers']): Ingress['servers'] =>
  [...new Map(servers.map((server) => [`${server.address} ${server.port}`, server])).values()].sort((a, b) =>
    a.address === b.address ? a.port - b.port : numberOf(a.address) < numberOf(b.address) ? -1 : 1,
  );

const eachFamily = (addresses: readonly string[]): string[] =>
  [false, true].flatMap((six) => addresses.find((address) => isV6(address) === six) ?? []);
