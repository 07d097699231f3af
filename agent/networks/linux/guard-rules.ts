import { eui64, isV6, numberOf } from '#shared/model/address.ts';
import { type HostPort, portLinkOf } from '#shared/model/network.ts';

/** The table of nftables' bridge family that is ours. */
export const GUARD_TABLE = 'skerry';

/** Why a frame of a guest was dropped: the names of the counters, less the `bad_` that keeps them from being words of nftables. */
export const DROPPED = ['sender', 'service', 'advert', 'tagged', 'arp', 'source4', 'source6', 'neighbour'] as const;

const SETS = {
  guests: 'type ifname;',
  held: 'type ifname;',
  senders: 'type ifname . ether_addr;',
  sources4: 'type ifname . ipv4_addr;',
  sources6: 'type ifname . ipv6_addr;',
  // nftables 1.0.6 has no word for the target of a neighbour advertisement: it is 8 bytes into the ICMPv6 message.
  targets: 'typeof iifname . @th,64,128;',
} as const;

const drop = (counter: (typeof DROPPED)[number], match: string): string => `${match} counter name bad_${counter} drop`;

/**
 * Judged is what comes in by a guest's port, and nothing else: routers, tunnels and other bridges pass. A guest without addresses of its own,
 * on a network without a subnet, is held to its MAC alone.
 */
const RULES = {
  ingress: ['iifname @guests jump judge'],
  judge: [drop('sender', 'iifname . ether saddr != @senders'), 'iifname @held jump hold'],
  hold: [
    // Inside a tag the rest would not be looked at.
    drop('tagged', 'ether type { 8021q, 8021ad }'),
    drop('arp', 'iifname . arp saddr ether != @senders'),
    // Who asks whether an address is free has none yet (RFC 5227).
    'arp operation request arp saddr ip 0.0.0.0 accept',
    drop('arp', 'iifname . arp saddr ip != @sources4'),
    drop('service', 'udp sport { 67, 547 }'),
    drop('advert', 'icmpv6 type nd-router-advert'),
    'ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept',
    drop('source4', 'iifname . ip saddr != @sources4'),
    // Before it has an address (RFC 4862, RFC 3810, RFC 4861).
    'ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit, mld-listener-report, mld2-listener-report } accept',
    drop('source6', 'iifname . ip6 saddr != @sources6'),
    drop('neighbour', 'icmpv6 type nd-neighbor-advert iifname . @th,64,128 != @targets'),
  ],
} as const;

/** Set aside a table that is not as it was made. */
export const dropTable = (table: string): string => `add table ${table}\ndelete table ${table}\n`;

/**
 * The ruleset for `nft -f -`: one transaction, in place of what was there, so that there is no moment without guards. Counters go on.
 */
export function guardScript(ports: readonly HostPort[]): string {
  const at = `bridge ${GUARD_TABLE}`;
  const elements = elementsOf(ports);
  const lines = [
    `add table ${at}`,
    ...DROPPED.map((name) => `add counter ${at} bad_${name}`),
    ...Object.entries(SETS).flatMap(([name, type]) => [`add set ${at} ${name} { ${type} }`, `flush set ${at} ${name}`]),
    ...Object.entries(elements)
      .filter(([, each]) => each.length > 0)
      .map(([name, each]) => `add element ${at} ${name} { ${each.join(', ')} }`),
    ...['hold', 'judge'].map((name) => `add chain ${at} ${name}`),
    // Before the bridge takes it: -300 is before all that others put there by habit (-200 to 300).
    `add chain ${at} ingress { type filter hook prerouting priority -300; policy accept; }`,
    ...Object.entries(RULES).flatMap(([chain, rules]) => [
      `flush chain ${at} ${chain}`,
      ...rules.map((rule) => `add rule ${at} ${chain} ${rule}`),
    ]),
  ];
  return `${lines.join('\n')}\n`;
}

/** All that a guest with addresses may send from: also the link-local one that is made of its MAC. */
export const sourcesOf = ({ mac, addresses }: HostPort): string[] => [
  ...new Set([...addresses, eui64('fe80::/64', mac)]),
];

/** What each set holds, as nft reads it. */
function elementsOf(ports: readonly HostPort[]): Record<keyof typeof SETS, string[]> {
  const held = ports
    .filter(({ addresses }) => addresses.length > 0)
    .map((port) => ({ link: linkOf(port), sources: sourcesOf(port) }));
  const each = (pick: (address: string) => boolean, write: (address: string) => string): string[] =>
    held.flatMap(({ link, sources }) => sources.filter(pick).map((address) => `${link} . ${write(address)}`));
  return {
    guests: ports.map(linkOf),
    held: held.map(({ link }) => link),
    senders: ports.map((port) => `${linkOf(port)} . ${port.mac}`),
    sources4: each((address) => !isV6(address), String),
    sources6: each(isV6, String),
    targets: each(isV6, (address) => `0x${numberOf(address).toString(16).padStart(32, '0')}`),
  };
}

const linkOf = ({ mac }: HostPort): string => `"${portLinkOf(mac)}"`;
