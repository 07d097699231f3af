import { DROPPED, sourcesOf } from '#agent/networks/linux/guard-rules.ts';
import { linesOf } from '#agent/networks/linux/lines.ts';
import { isV6 } from '#shared/model/address.ts';
import { type HostPort, portLinkOf } from '#shared/model/network.ts';
import type { SwitchBridge } from './database.ts';

/** What stands in a flow that drops, so that one sees why: `ovs-ofctl dump-flows BRIDGE cookie=0x5/-1`. */
export const cookieOf = (reason: (typeof DROPPED)[number]): number => DROPPED.indexOf(reason) + 1;

const drop = (reason: (typeof DROPPED)[number], priority: number, match: string): string =>
  `cookie=${cookieOf(reason)},priority=${priority},${match},actions=drop`;
const pass = (priority: number, match: string, table = 1): string =>
  `table=${table},priority=${priority},${match},actions=NORMAL`;

/** Tables: 0 knows who comes by which port, 1 judges what a guest says of itself, 2 looks at what it says of its neighbours. */
const JUDGED = [
  // Inside a tag the rest would not be looked at.
  drop('tagged', 100, 'table=1,vlan_tci=0x1000/0x1000'),
  drop('arp', 80, 'table=1,arp'),
  ...['udp', 'udp6'].flatMap((family) =>
    [67, 547].map((port) => drop('service', 70, `table=1,${family},tp_src=${port}`)),
  ),
  drop('advert', 70, 'table=1,icmp6,icmp_type=134'),
  pass(60, 'udp,nw_src=0.0.0.0,tp_src=68,tp_dst=67'),
  drop('source4', 40, 'table=1,ip'),
  // Before it has an address (RFC 4862, RFC 3810, RFC 4861).
  ...[135, 133, 131, 143].map((type) => pass(60, `icmp6,ipv6_src=::,icmp_type=${type}`)),
  drop('source6', 40, 'table=1,ipv6'),
  'table=1,priority=0,actions=NORMAL',
  drop('neighbour', 10, 'table=2,icmp6,icmp_type=136'),
  'table=2,priority=0,actions=NORMAL',
];

/**
 * All flows of a bridge of ours: what guards.ts of nftables holds a guest to, by its port.
 *
 * What comes by a port that is not known yet is dropped, until it is known whose it is: there is no moment without guards. The host itself has no
 * way in. @param guests those whose ports are held
 */
export function flowsOf(bridge: SwitchBridge, guests: readonly HostPort[]): string {
  const held = new Map(guests.map((guest) => [portLinkOf(guest.mac), guest]));
  const ports = bridge.ports.flatMap(({ name, number }) =>
    number === undefined ? [] : portFlows(number, held.get(name)),
  );
  return linesOf(['table=0,priority=0,actions=drop', ...JUDGED, ...ports]);
}

function portFlows(number: number, guest: HostPort | undefined): string[] {
  const from = `in_port=${number}`;
  if (!guest) return [pass(10, from, 0)];
  const { mac, addresses } = guest;
  const known = `table=0,priority=20,${from},dl_src=${mac},actions=${addresses.length > 0 ? 'resubmit(,1)' : 'NORMAL'}`;
  const sources = addresses.length > 0 ? sourcesOf(guest) : [];
  return [known, drop('sender', 10, `table=0,${from}`), ...sources.flatMap((each) => sourceFlows(from, mac, each))];
}

function sourceFlows(from: string, mac: string, source: string): string[] {
  if (isV6(source))
    return [
      `table=1,priority=50,${from},ipv6,ipv6_src=${source},actions=resubmit(,2)`,
      pass(20, `${from},icmp6,icmp_type=136,icmp_code=0,nd_target=${source}`, 2),
    ];
  return [
    pass(90, `${from},arp,arp_sha=${mac},arp_spa=${source}`),
    // Who asks whether an address is free has none yet (RFC 5227).
    pass(90, `${from},arp,arp_op=1,arp_sha=${mac},arp_spa=0.0.0.0`),
    pass(50, `${from},ip,nw_src=${source}`),
  ];
}
