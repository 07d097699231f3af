import { createHash } from 'node:crypto';
import { linesOf } from '#agent/networks/linux/lines.ts';
import { contains, isV6, maskOf, split } from '#shared/model/address.ts';
import type { HostRouter } from '#shared/model/network.ts';
import { type PlannedLeg, type RouterPlan, subnetsOf } from './plan.ts';

/** Where a service sees its router's folder. */
export const SEEN_AT = '/mnt';

/**
 * All files of dnsmasq, by name in the router's folder. `names/` and `reservations/` hold a file for each host, so that dnsmasq takes a
 * change of them as it runs; the name of its configuration tells what is in it, so that its command line tells what it runs with.
 */
export interface DnsmasqFiles {
  configuration: { name: string; text: string };
  names: ReadonlyMap<string, string>;
  reservations: ReadonlyMap<string, string>;
}

export function dnsmasqFiles(plan: RouterPlan): DnsmasqFiles {
  const text = linesOf([...general(plan), ...plan.legs.flatMap((leg) => ofLeg(leg, plan.router))]);
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 16);
  const files = (linesFor: (host: Host) => string[]): Map<string, string> =>
    new Map(
      plan.router.hosts
        .map((host) => [`${host.network}-${host.mac.replaceAll(':', '')}`, linesOf(linesFor(host))] as const)
        .filter(([, lines]) => lines !== ''),
    );
  const legOf = ({ network }: Host): PlannedLeg | undefined => plan.legs.find((leg) => leg.network === network);
  return {
    configuration: { name: `dnsmasq-${digest}.conf`, text },
    names: files((host) => namesOf(host, legOf(host))),
    reservations: files((host) => reservationOf(host, legOf(host))),
  };
}

type Host = HostRouter['hosts'][number];

function general({ router, legs }: RouterPlan): string[] {
  const domains = [...new Set(legs.flatMap(({ domain }) => domain ?? []))];
  return [
    'user=nobody',
    'group=nogroup',
    'pid-file=',
    'log-facility=-',
    'quiet-dhcp',
    'quiet-dhcp6',
    'quiet-ra',
    'bind-dynamic',
    'except-interface=lo',
    'no-hosts',
    'no-resolv',
    'no-poll',
    `hostsdir=${SEEN_AT}/names`,
    `dhcp-hostsdir=${SEEN_AT}/reservations`,
    `dhcp-leasefile=${SEEN_AT}/leases`,
    'dhcp-lease-max=100000',
    'dhcp-authoritative',
    'no-ping',
    // A guest has the name that is reserved for it, not the one that it says.
    'dhcp-ignore-names',
    ...(legs.some((leg) => subnetsOf(leg, 6).length > 0) ? ['enable-ra'] : []),
    // Names of ours are not asked for elsewhere, nor is what cannot be known there; with nobody to ask, other names are refused.
    'local=//',
    'bogus-priv',
    ...domains.map((domain) => `local=/${domain}/`),
    ...router.dns.map((server) => `server=${server}`),
  ];
}

/** The range takes the tag of the leg, and the options go to who has it: tags stand nowhere else, or dnsmasq 2.90 ends itself at SIGHUP. */
function ofLeg(leg: PlannedLeg, router: HostRouter): string[] {
  const { link, mtu, domain } = leg;
  const isWayOut = leg.way !== 'none' || leadsInto(leg, router);
  const subnets = [...subnetsOf(leg, 4), ...subnetsOf(leg, 6)];
  return [
    `interface=${link}`,
    ...subnetsOf(leg, 4).map((subnet) => `dhcp-range=set:${link},${rangeOf(subnet, leg, router)},12h`),
    ...subnetsOf(leg, 6).map((subnet) => range6Of(subnet, leg, router)),
    `dhcp-option-force=tag:${link},option:mtu,${mtu}`,
    // Without a value it is not sent.
    ...(isWayOut ? [] : [`dhcp-option=tag:${link},option:router`]),
    ...(subnetsOf(leg, 6).length === 0 ? [] : [`ra-param=${link},mtu:${mtu},60${isWayOut ? '' : ',0'}`]),
    ...(domain === undefined ? [] : subnets.map((subnet) => `domain=${domain},${subnet}`)),
  ];
}

/** An isolated network is told of no way out, unless somebody comes in by the router and has to be answered. */
const leadsInto = (leg: PlannedLeg, { forwards }: HostRouter): boolean =>
  forwards.some(({ address }) =>
    [...subnetsOf(leg, 4), ...subnetsOf(leg, 6)].some((subnet) => contains(subnet, address)),
  );

function rangeOf(subnet: string, leg: PlannedLeg, router: HostRouter): string {
  const { address, length } = split(subnet);
  const pool = poolIn(subnet, leg, router);
  return pool ? `${pool.first},${pool.last},${maskOf(length)}` : `${address},static,${maskOf(length)}`;
}

/** Hosts make addresses themselves only where the prefix has 64 bits (RFC 4862 5.5.3). */
function range6Of(subnet: string, leg: PlannedLeg, router: HostRouter): string {
  const { address, length } = split(subnet);
  const pool = poolIn(subnet, leg, router);
  const range = pool ? `${pool.first},${pool.last}` : `${address},static`;
  return `dhcp-range=set:${leg.link},${range},${length === 64 ? 'slaac,' : ''}${length},12h`;
}

const poolIn = (
  subnet: string,
  { network }: PlannedLeg,
  { pools }: HostRouter,
): HostRouter['pools'][number] | undefined =>
  pools.find((pool) => pool.network === network && contains(subnet, pool.first) && contains(subnet, pool.last));

/** `NAME.DOMAIN` first: that is what an address is said to be called. */
const namesOf = ({ name, addresses }: Host, leg: PlannedLeg | undefined): string[] =>
  addresses.map((address) => `${address} ${leg?.domain === undefined ? '' : `${name}.${leg.domain} `}${name}`);

/** One line for each IPv4 address, as dnsmasq keeps only one in a line. */
function reservationOf({ mac, name, addresses }: Host, leg: PlannedLeg | undefined): string[] {
  const served = addresses.filter(
    (address) => leg && [...subnetsOf(leg, 4), ...subnetsOf(leg, 6)].some((subnet) => contains(subnet, address)),
  );
  const v6 = served.filter(isV6).map((address) => `[${address}]`);
  const v4 = served.filter((address) => !isV6(address));
  if (served.length === 0) return [];
  return (v4.length === 0 ? [[]] : v4.map((address) => [address])).map((some, at) =>
    [mac, ...some, ...(at === 0 ? v6 : []), name].join(','),
  );
}
