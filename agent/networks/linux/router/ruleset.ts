import { createHash } from 'node:crypto';
import { linesOf } from '#agent/networks/linux/lines.ts';
import { isV6 } from '#shared/model/address.ts';
import { bareOf, OUTSIDE, type RouterPlan, subnetsOf } from './plan.ts';

/**
 * The rules of a router are the same for every router: what makes them differ is in sets and maps. So each change of a router is one
 * transaction of elements, and rules are loaded once.
 */
export const TABLE = 'inet skerry';

const RULES = `
  set inside { type ifname; }
  set passed { type ifname; }
  set routed { type ifname; }
  set public4 { type ipv4_addr; }
  set public6 { type ipv6_addr; }
  set hidden4 { type ipv4_addr; flags interval; }
  set hidden6 { type ipv6_addr; flags interval; }
  set own4 { type ifname . ipv4_addr; flags interval; }
  set own6 { type ifname . ipv6_addr; flags interval; }
  set ingress_ports { type inet_service; }
  map forwards4 { type inet_proto . inet_service : ipv4_addr . inet_service; }
  map forwards6 { type inet_proto . inet_service : ipv6_addr . inet_service; }

  chain to_router {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    ct state invalid drop
    iifname "lo" accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    iifname "${OUTSIDE}" ip daddr != @public4 counter drop
    iifname "${OUTSIDE}" ip6 daddr != @public6 counter drop
    icmp type echo-request accept
    icmpv6 type echo-request accept
    tcp dport @ingress_ports accept
    iifname @inside udp dport { 53, 67, 547 } accept
    iifname @inside tcp dport 53 accept
    iifname @inside icmpv6 type { nd-router-solicit, mld-listener-report, mld2-listener-report } accept
    counter drop
  }

  chain through_router {
    type filter hook forward priority filter; policy drop;
    tcp flags syn tcp option maxseg size set rt mtu
    ct state established,related accept
    ct state invalid drop
    fib saddr . iif oif missing counter drop
    ct status dnat accept
    iifname @passed oifname "${OUTSIDE}" accept
    iifname @passed oifname @routed accept
    iifname "${OUTSIDE}" oifname @routed accept
    counter drop
  }

  chain before_routing {
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr @public4 dnat ip to meta l4proto . th dport map @forwards4
    ip6 daddr @public6 dnat ip6 to meta l4proto . th dport map @forwards6
  }

  chain after_routing {
    type nat hook postrouting priority srcnat; policy accept;
    ct status dnat oifname . ip saddr @own4 masquerade
    ct status dnat oifname . ip6 saddr @own6 masquerade
    oifname "${OUTSIDE}" ip saddr @hidden4 masquerade
    oifname "${OUTSIDE}" ip6 saddr @hidden6 masquerade
  }
`;

/** Says in the table which rules it holds. */
export const RULES_MARK = `skerry rules ${createHash('sha256').update(RULES).digest('hex').slice(0, 16)}`;

/** A transaction that makes the whole table anew. Connections that it knows go on: the kernel keeps them elsewhere. */
export const wholeRuleset = (plan: RouterPlan): string =>
  `add table ${TABLE}\ndelete table ${TABLE}\ntable ${TABLE} {\n  comment "${RULES_MARK}"\n${RULES}}\n${elementsOf(plan)}`;

/** A transaction that makes the elements right, where the rules are. */
export function elementsOf({ router, legs, outside }: RouterPlan): string {
  const names = (isOne: (way: string) => boolean): string[] =>
    legs.filter(({ way }) => isOne(way)).map(({ link }) => `"${link}"`);
  const hidden = legs.filter(({ way }) => way === 'nat');
  const forwards = (version: 4 | 6): string[] =>
    router.forwards
      .filter(({ address }) => isV6(address) === (version === 6))
      .map((each) => `${each.protocol} . ${each.port} : ${each.address} . ${each.toPort}`);
  const own = (version: 4 | 6): string[] =>
    legs.flatMap((leg) => subnetsOf(leg, version).map((subnet) => `"${leg.link}" . ${subnet}`));
  const all: [kind: 'set' | 'map', name: string, elements: string[]][] = [
    ['set', 'inside', names(() => true)],
    ['set', 'passed', names((way) => way !== 'none')],
    ['set', 'routed', names((way) => way === 'routed')],
    ['set', 'public4', bareOf(outside?.addresses ?? [], 4)],
    ['set', 'public6', bareOf(outside?.addresses ?? [], 6)],
    ['set', 'hidden4', hidden.flatMap((leg) => subnetsOf(leg, 4))],
    ['set', 'hidden6', hidden.flatMap((leg) => subnetsOf(leg, 6))],
    ['set', 'own4', own(4)],
    ['set', 'own6', own(6)],
    ['set', 'ingress_ports', router.ingress.map(({ port }) => `${port}`)],
    ['map', 'forwards4', forwards(4)],
    ['map', 'forwards6', forwards(6)],
  ];
  return linesOf(
    all.flatMap(([kind, name, elements]) => [
      `flush ${kind} ${TABLE} ${name}`,
      ...(elements.length === 0 ? [] : [`add element ${TABLE} ${name} { ${[...new Set(elements)].join(', ')} }`]),
    ]),
  );
}
