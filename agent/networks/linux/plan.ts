import { type HostNetwork, type HostPort, portLinkOf } from '#shared/model/network.ts';
import type { Link } from './links.ts';
import { LINK_GROUP, networkOfLink, vxlanOf } from './names.ts';

/** IANA's port of VXLAN (RFC 7348); Linux would take an older one by itself. */
export const VXLAN_PORT = 4789;

/** What there is of links. */
export interface Realised {
  links: ReadonlyMap<string, Link>;
  /** To whom each tunnel sends what it has no place for. */
  floods: ReadonlyMap<string, ReadonlySet<string>>;
  /** Links on which this host itself speaks IPv6. */
  speaksV6: ReadonlySet<string>;
}

/**
 * One thing to do: a line for `ip -batch` or `bridge -batch`, or a link on which the host is to keep silent in IPv6: it would else take
 * addresses from guests' router advertisements.
 */
export type Step = { tool: 'ip' | 'bridge'; line: string } | { tool: 'mute'; link: string };

const ip = (line: string): Step => ({ tool: 'ip', line });
const bridge = (line: string): Step => ({ tool: 'bridge', line });

/**
 * What is to be done for networks to be as they shall: nothing where all is right.
 *
 * Steps are in stages, so that each stage is one batch for all networks: links are made, muted, switched on, and told their peers. None of
 * them touches a link without our mark, but ports that are on no bridge.
 */
export function planNetworks(networks: readonly HostNetwork[], ports: readonly HostPort[], there: Realised): Step[] {
  const made = networks.filter(({ kind }) => kind !== 'outside');
  const stages = [
    made.flatMap((network) => [...bridgeSteps(network, there), ...tunnelSteps(network, there)]),
    made.flatMap(({ name, link, tunnel }) =>
      [link, ...(tunnel ? [vxlanOf(name)] : [])]
        .filter((each) => there.speaksV6.has(each) || !isKept(each, networks, there))
        .map((each): Step => ({ tool: 'mute', link: each })),
    ),
    made.flatMap((network) => [...upSteps(network, there), ...portSteps(network, ports, there)]),
    made.flatMap((network) => floodSteps(network, there)),
  ];
  return stages.flat();
}

/** Whether the link that is there now is the one that stays. */
function isKept(name: string, networks: readonly HostNetwork[], there: Realised): boolean {
  const link = there.links.get(name);
  if (!link) return false;
  const network = networks.find((each) => vxlanOf(each.name) === name);
  return network ? isSameTunnel(network, link) : link.kind === 'bridge';
}

const aliasOf = (network: string): string => `Skerry network ${network}`;

function bridgeSteps({ name, link, mtu }: HostNetwork, { links }: Realised): Step[] {
  const there = links.get(link);
  const steps: Step[] = [];
  if (!there)
    steps.push(ip(`link add name ${link} mtu ${mtu} group ${LINK_GROUP} type bridge forward_delay 0 mcast_snooping 0`));
  if (there && (there.bridge?.forwardDelay !== 0 || there.bridge.isSnooping))
    steps.push(ip(`link set dev ${link} type bridge forward_delay 0 mcast_snooping 0`));
  if (there && there.mtu !== mtu) steps.push(ip(`link set dev ${link} mtu ${mtu}`));
  if (there?.alias !== aliasOf(name)) steps.push(ip(`link set dev ${link} alias "${aliasOf(name)}"`));
  return steps;
}

function tunnelSteps(network: HostNetwork, { links }: Realised): Step[] {
  const { name, link, mtu, tunnel } = network;
  const end = vxlanOf(name);
  const found = links.get(end);
  const there = found && isSameTunnel(network, found) ? found : undefined;
  const steps: Step[] = [];
  // Its identifier cannot be changed. One that somebody else made is no step: it was looked for before.
  if (found?.isOurs && !there) steps.push(ip(`link del dev ${end}`));
  if (!tunnel) return steps;
  const { vni, local } = tunnel;
  if (!there)
    steps.push(
      ip(
        `link add name ${end} mtu ${mtu} group ${LINK_GROUP} type vxlan id ${vni} local ${local} dstport ${VXLAN_PORT} learning`,
      ),
    );
  if (there && there.mtu !== mtu) steps.push(ip(`link set dev ${end} mtu ${mtu}`));
  if (there?.master !== link) steps.push(ip(`link set dev ${end} master ${link}`));
  if (there?.alias !== aliasOf(name)) steps.push(ip(`link set dev ${end} alias "${aliasOf(name)}"`));
  return steps;
}

const isSameTunnel = ({ tunnel }: HostNetwork, { vxlan }: Link): boolean =>
  tunnel !== undefined &&
  vxlan?.vni === tunnel.vni &&
  vxlan.local === tunnel.local &&
  vxlan.port === VXLAN_PORT &&
  vxlan.learning;

function upSteps(network: HostNetwork, { links }: Realised): Step[] {
  const { name, link, tunnel } = network;
  const end = vxlanOf(name);
  const found = links.get(end);
  const isEndUp = found?.isUp && isSameTunnel(network, found);
  return [
    ...(links.get(link)?.isUp ? [] : [ip(`link set dev ${link} up`)]),
    ...(tunnel && !isEndUp ? [ip(`link set dev ${end} up`)] : []),
  ];
}

/** A port whose bridge was removed by hand has lost it, and nobody else puts it back. */
function portSteps({ name, link }: HostNetwork, ports: readonly HostPort[], { links }: Realised): Step[] {
  return ports
    .filter(({ network }) => network === name)
    .map(({ mac }) => links.get(portLinkOf(mac)))
    .filter((port) => port !== undefined && port.master === undefined)
    .map((port) => ip(`link set dev ${port?.name} master ${link}`));
}

function floodSteps(network: HostNetwork, { links, floods }: Realised): Step[] {
  if (!network.tunnel) return [];
  const end = vxlanOf(network.name);
  const found = links.get(end);
  const known = found && isSameTunnel(network, found) ? (floods.get(end) ?? new Set<string>()) : new Set<string>();
  const wanted = new Set(network.tunnel.peers);
  const line = (what: string, peer: string): Step => bridge(`fdb ${what} 00:00:00:00:00:00 dev ${end} dst ${peer}`);
  return [
    ...[...known].filter((peer) => !wanted.has(peer)).map((peer) => line('del', peer)),
    ...[...wanted].filter((peer) => !known.has(peer)).map((peer) => line('append', peer)),
  ];
}

/** Networks of which there is anything that we made. */
export const networksIn = ({ links }: Pick<Realised, 'links'>): string[] => [
  ...new Set([...links.values()].filter(isNetworkLink).flatMap(({ name }) => networkOfLink(name) ?? [])),
];

const isNetworkLink = ({ name, kind, isOurs }: Link): boolean =>
  isOurs && ((kind === 'bridge' && name.startsWith('sk-')) || (kind === 'vxlan' && name.startsWith('vx-')));

/** What takes networks away; of what somebody else made, nothing. */
export function planRemoval(names: readonly string[], { links }: Pick<Realised, 'links'>): Step[] {
  const unwanted = new Set(names);
  return [...links.values()]
    .filter((link) => isNetworkLink(link) && unwanted.has(networkOfLink(link.name) ?? ''))
    .sort((a, b) => Number(a.kind === 'bridge') - Number(b.kind === 'bridge'))
    .map(({ name }) => ip(`link del dev ${name}`));
}

/** What takes away again what has come since: links of these networks that were not there before. */
export function planUndo(names: readonly string[], before: Realised, now: Pick<Realised, 'links'>): Step[] {
  const come = new Map([...now.links].filter(([name]) => !before.links.has(name)));
  return planRemoval(names, { links: come });
}
