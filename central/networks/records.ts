import type { SiteGuest } from '#central/inventory/known-site.ts';
import type { Site } from '#central/inventory/site.ts';
import type { NetworkInfo, NetworkRecord, PortRecord } from '#shared/verbs/network.ts';
import type { RouterRecord } from '#shared/verbs/router.ts';
import { textOf } from './entry-changes.ts';
import type { Networks } from './networks.ts';
import { heldProblem, lostWaysOf, strayOf, unservedOf } from './problems.ts';
import { portsOn, routersOn, type SiteNetwork, type SitePort, type SiteRouter } from './state.ts';

export function networkRecord(networks: Networks, network: SiteNetwork): NetworkRecord {
  const { name, kind, subnets, mtu, domain, link, wanted } = network;
  return {
    ...{ network: name, kind, subnets: [...subnets], mtu, wanted },
    ...(domain === null ? {} : { domain }),
    ...(link === null ? {} : { link }),
    hosts: [...networks.handing.compiled.realisersOf(name)],
    routers: routersOn(networks.state, name).map((router) => router.name),
    ports: portsOn(networks.state, name).length,
    problems: [...networks.problemsOf('network', name), ...unservedOf(networks.state, network)],
  };
}

/** @param isSeen of which guests the one who asks may know */
export function networkInfo(
  { networks, site }: { networks: Networks; site: Pick<Site, 'find'> },
  network: SiteNetwork,
  isSeen: (guest: string) => boolean,
): NetworkInfo {
  const { name, level, vni, by, at } = network;
  const ports = portsOn(networks.state, name).filter(({ guest }) => isSeen(guest));
  const guests = ports.map(({ guest, mac, addresses }) => [guest, ...addresses, mac].join(' ')).sort();
  const strays = ports.flatMap((port) => {
    const found = site.find(port.guest);
    const stray = found && strayOf(port, network, found.guest);
    return stray === undefined ? [] : [`${port.guest}: ${stray}; ${heldProblem(port.guest)}`];
  });
  const record = networkRecord(networks, network);
  const problems = [...record.problems, ...strays.sort()];
  return { ...record, problems, guests, level, ...(vni === null ? {} : { vni }), by, at };
}

export const portRecord = (port: SitePort, guest: SiteGuest | undefined, problems: readonly string[]): PortRecord => ({
  guest: port.guest,
  network: port.network,
  mac: port.mac,
  addresses: [...port.addresses],
  ...(guest ? { host: guest.host.name } : {}),
  problems: [...problems],
});

/** `dhcp` comes before what is given by it. */
export function publicOf(networks: Networks, router: SiteRouter): string[] {
  const { outside } = router;
  if (outside === null || outside.addresses.length > 0) return [...(outside?.addresses ?? [])];
  return ['dhcp', ...(networks.givenTo(router)?.addresses ?? [])];
}

export function routerRecord(networks: Networks, router: SiteRouter): RouterRecord {
  const { name, host, outside, legs, dns, pools, wanted } = router;
  const { forwards, ingress } = networks.state;
  const isOwn = (entry: { router: string }): boolean => entry.router === name;
  return {
    ...{ router: name, host, wanted, dns: [...dns] },
    public: publicOf(networks, router),
    ...(outside ? { outside: outside.network } : {}),
    gateways: [...(outside?.gateways ?? [])],
    networks: legs.map(({ network, addresses }) => [network, ...addresses].join(' ')),
    pools: pools.map(({ first, last }) => `${first}-${last}`),
    forwards: [...forwards.values()]
      .filter(isOwn)
      .sort((a, b) => a.port - b.port)
      .map(({ protocol, port, to }) => `${protocol} ${port} to ${textOf(to)}`),
    ingress: [...ingress.values()]
      .filter(isOwn)
      .map(({ name: of, port, servers }) => `${of}:${port} to ${servers.map(textOf).join(', ')}`)
      .sort(),
    problems: [...networks.problemsOf('router', name), ...lostWaysOf(networks.state, router)],
  };
}
