import { KIND, ROUTER } from '#agent/drivers/zones/brands.ts';
import { planOf, type ZonePlan } from '#agent/drivers/zones/plan.ts';
import { linkFiles, type RootFile } from '#agent/drivers/zones/root-files.ts';
import type { Places } from '#agent/drivers/zones/short-form.ts';
import { exclusiveNet, vnicAttribute, type ZoneVnic } from '#agent/drivers/zones/vnics.ts';
import { attribute, readOnly, type ZoneConfig } from '#agent/drivers/zones/zone-config.ts';
import { illumosLink, overOf } from '#agent/illumos/link-names.ts';
import { Failure } from '#shared/errors.ts';
import { contains, isV6, maskOf, split, subnetOf } from '#shared/model/address.ts';
import { type HostNetwork, type HostRouter, portLinkOf } from '#shared/model/network.ts';

/** The zone of a router. */
export const zoneOfRouter = (router: string): string => `sk-${router}`;
/** Where a router's zone sees what is served, which the agent changes while it runs. */
const SERVED_AT = '/etc/skerry';

type Leg = HostRouter['legs'][number];
interface PlannedLeg {
  vnic: ZoneVnic;
  addresses: string[];
  network: HostNetwork;
}

/** A router as a zone, and the files that it serves. */
export interface RouterPlan {
  zone: ZonePlan;
  /** In the folder that it sees: who has which address and which name. */
  served: ReadonlyMap<string, string>;
}

/**
 * What the zone of a router is made of: zap's steps, less what changes while it runs.
 *
 * Its links have no allowed-address: the guard of an address would stop what others send through it.
 * @throws Failure network-host for what a router zone does not do
 * Source: zap's create-zone `-t router`; ipnat(5), hostname files of network/physical, dnsmasq(8)
 */
export function planRouter(
  router: HostRouter,
  networks: readonly HostNetwork[],
  { host, servedFolder, ...places }: Places & { host: string; servedFolder: string },
): RouterPlan {
  requireAble(router, networks, host);
  const legOf = (leg: Leg): PlannedLeg => {
    const network = networks.find(({ name }) => name === leg.network);
    if (!network) throw new Failure('network-host', { host, problem: `the network ${leg.network} is not known here` });
    const vnic = { link: illumosLink(portLinkOf(leg.mac)), over: overOf(network.link), mac: leg.mac, mtu: network.mtu };
    return { vnic, network, addresses: leg.addresses };
  };
  const outside = router.outside && legOf(router.outside);
  const inside = router.legs.map(legOf);
  const name = zoneOfRouter(router.name);
  const config: ZoneConfig = {
    create: ['-t', 'TRIBwhole'],
    properties: new Map([
      ['zonepath', `${places.zonesFolder}/${name}`],
      ['autoboot', 'true'],
      ['ip-type', 'exclusive'],
    ]),
    resources: [
      ...[...(outside ? [outside] : []), ...inside].flatMap(({ vnic }) => [
        exclusiveNet({ physical: vnic.link }),
        vnicAttribute(vnic),
      ]),
      readOnly('/var/zap/global-cache', places.packageCache),
      readOnly(SERVED_AT, servedFolder),
      attribute(KIND, 'router'),
      attribute(ROUTER, router.name),
    ],
  };
  const zone = planOf({ name, config }, places.zonesFolder);
  const own = zone.files.filter(({ path }) => !/^\/etc\/(hostname|dhcp)\./.test(path));
  return { zone: { ...zone, files: [...own, ...filesOf(router, outside, inside)] }, served: servedOf(router) };
}

function requireAble(router: HostRouter, networks: readonly HostNetwork[], host: string): void {
  const cannot = (problem: string): never => {
    throw new Failure('network-host', { host, problem: `the router ${router.name} is a zone, and ${problem}` });
  };
  const isolated = router.legs.find(
    ({ network }) => networks.find(({ name }) => name === network)?.kind === 'isolated',
  );
  if (isolated) cannot(`would pass on what ${isolated.network} sends, which is isolated`);
  if (router.ingress.length > 0) cannot('has no ingress');
  if (router.outside?.addresses.length === 0) cannot('asks nobody outside for its address: give it one');
}

function filesOf(router: HostRouter, outside: PlannedLeg | undefined, inside: readonly PlannedLeg[]): RootFile[] {
  const legs = [...(outside ? [outside] : []), ...inside];
  const [gateway] = router.outside?.gateways.filter((each) => !isV6(each)) ?? [];
  return [
    ...legs.flatMap(({ vnic, addresses }) => [...linkFiles(vnic.link, addresses), ...v6File(vnic.link, addresses)]),
    ...(gateway === undefined ? [] : [{ path: '/etc/defaultrouter', text: `${gateway}\n` }]),
    {
      path: '/etc/rc2.d/S83router',
      text: linesOf(['#!/bin/sh', ...legs.flatMap(forwarding), ...SERVICES]),
      mode: 0o755,
    },
    { path: '/etc/ipf/ipnat.conf', text: linesOf(outside ? natLines(router, outside, inside) : []) },
    { path: '/etc/dnsmasq.conf', text: linesOf(dnsmasqLines(router, outside, inside)) },
  ];
}

const linesOf = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');

const v6File = (link: string, addresses: readonly string[]): RootFile[] => {
  const v6 = addresses.filter(isV6);
  return v6.length === 0
    ? []
    : [{ path: `/etc/hostname6.${link}`, text: linesOf(v6.map((each) => `addif ${each} up`)) }];
};

const forwarding = ({ vnic, addresses }: PlannedLeg): string[] =>
  ['ipv4', ...(addresses.some(isV6) ? ['ipv6'] : [])].map(
    (protocol) => `/usr/sbin/ipadm set-ifprop -t -p forwarding=on -m ${protocol} ${vnic.link}`,
  );
const SERVICES = ['network/ipfilter', 'network/dnsmasq'].map((service) => `/usr/sbin/svcadm enable ${service}`);

const subnetsOf = ({ addresses }: PlannedLeg): string[] => addresses.filter((each) => !isV6(each)).map(subnetOf);

/** Hosts of these networks have the address outside as theirs; and ways in, each to one of them. */
function natLines(router: HostRouter, outside: PlannedLeg, inside: readonly PlannedLeg[]): string[] {
  const out = outside.vnic.link;
  const hidden = inside.filter(({ network }) => router.nat.includes(network.name)).flatMap(subnetsOf);
  const [own] = outside.addresses.filter((each) => !isV6(each));
  return [
    ...hidden.flatMap((subnet) => [
      `map ${out} ${subnet} -> 0/32 portmap tcp/udp auto`,
      `map ${out} ${subnet} -> 0/32`,
    ]),
    ...router.forwards
      .filter(({ address }) => !isV6(address) && own !== undefined)
      .map(
        ({ protocol, port, address, toPort }) =>
          `rdr ${out} ${split(own ?? '').address}/32 port ${port} -> ${address} port ${toPort} ${protocol}`,
      ),
  ];
}

function dnsmasqLines(router: HostRouter, outside: PlannedLeg | undefined, inside: readonly PlannedLeg[]): string[] {
  return [
    'conf-dir=/etc/dnsmasq.d',
    'user=dnsmasq',
    'no-hosts',
    'no-resolv',
    'bind-interfaces',
    ...(outside ? [`except-interface=${outside.vnic.link}`] : []),
    `dhcp-hostsfile=${SERVED_AT}/reservations`,
    `addn-hosts=${SERVED_AT}/names`,
    'dhcp-leasefile=/var/dnsmasq.leases',
    'dhcp-ignore-names',
    ...router.dns.map((server) => `server=${server}`),
    ...inside.flatMap((leg) => subnetsOf(leg).map((subnet) => rangeLine(router, leg, subnet))),
    ...inside.flatMap((leg) => domainLines(router, leg)),
  ];
}

/** Who has a reservation is served; others where there is a pool for them. */
function rangeLine({ pools }: HostRouter, { network }: PlannedLeg, subnet: string): string {
  const { address, length } = split(subnet);
  const pool = pools.find((each) => each.network === network.name && contains(subnet, each.first));
  return pool
    ? `dhcp-range=${pool.first},${pool.last},${maskOf(length)},12h`
    : `dhcp-range=${address},static,${maskOf(length)}`;
}

const domainLines = ({ domains }: HostRouter, leg: PlannedLeg): string[] => {
  const domain = domains[leg.network.name];
  return domain === undefined
    ? []
    : [`local=/${domain}/`, ...subnetsOf(leg).map((subnet) => `domain=${domain},${subnet}`)];
};

/** As zap writes them, but in one file that is read anew while dnsmasq runs. */
function servedOf({ hosts, domains }: HostRouter): ReadonlyMap<string, string> {
  const v4 = hosts.flatMap((host) =>
    host.addresses.filter((each) => !isV6(each)).map((address) => `${host.mac},${host.name},${address},infinite`),
  );
  const names = hosts.flatMap(({ addresses, name, network }) => {
    const domain = domains[network];
    return addresses.map((address) => `${address} ${domain === undefined ? '' : `${name}.${domain} `}${name}`);
  });
  return new Map([
    ['reservations', linesOf(v4)],
    ['names', linesOf(names)],
  ]);
}
