import { type HostNetwork, type HostPort, portLinkOf } from '#shared/model/network.ts';
import type { Link } from './links.ts';
import { LEAVING_GROUP, LINK_GROUP, networkOfLink, vxlanOf } from './names.ts';
import { bridgeRemoval, SWITCH_KIND } from './openvswitch/changes.ts';
import { joinSteps, type SwitchGround, type SwitchStep, switchSteps } from './openvswitch/plan.ts';

/** IANA's port of VXLAN (RFC 7348); Linux would take an older one by itself. */
export const VXLAN_PORT = 4789;

/** What there is of links. */
export interface Realised {
  links: ReadonlyMap<string, Link>;
  /** To whom each tunnel sends what it has no place for. */
  floods: ReadonlyMap<string, ReadonlySet<string>>;
  /** Links on which this host itself speaks IPv6. */
  speaksV6: ReadonlySet<string>;
  /** Where Open vSwitch realises networks. */
  openvswitch?: SwitchGround;
}

/**
 * One thing to do: a line for `ip -batch` or `bridge -batch`, or a link on which the host is to keep silent in IPv6: it would else take
 * addresses from guests' router advertisements.
 */
export type Step = { tool: 'ip' | 'bridge'; line: string } | { tool: 'mute'; link: string } | SwitchStep;

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
  const isKeptTunnel = (network: HostNetwork): boolean => isKept(vxlanOf(network.name), networks, there);
  const { openvswitch: ground, links } = there;
  const asked = ground && { ground, links, networks: made, isKept: isKeptTunnel };
  const stages = [
    made.flatMap((network) => bridgeSteps(network, there)),
    asked ? switchSteps(asked) : [],
    made.flatMap((network) => tunnelSteps(network, there)),
    made.flatMap(({ name, link, tunnel }) =>
      [link, ...(tunnel ? [vxlanOf(name)] : [])]
        .filter((each) => there.speaksV6.has(each) || !isKept(each, networks, there))
        .map((each): Step => ({ tool: 'mute', link: each })),
    ),
    made.flatMap((network) => [...upSteps(network, there), ...portSteps(network, ports, there)]),
    asked ? joinSteps(asked, ports) : [],
    made.flatMap((network) => floodSteps(network, there)),
  ];
  return stages.flat();
}

/** Whether the link that is there now is the one that stays. */
function isKept(name: string, networks: readonly HostNetwork[], there: Realised): boolean {
  const link = there.links.get(name);
  if (!link) return false;
  const network = networks.find((each) => vxlanOf(each.name) === name);
  return network ? isSameTunnel(network, link) : link.kind === bridgeKind(there);
}

const bridgeKind = ({ openvswitch }: Pick<Realised, 'openvswitch'>): string => (openvswitch ? SWITCH_KIND : 'bridge');

const aliasOf = (network: string): string => `Skerry network ${network}`;

function bridgeSteps({ link, mtu }: HostNetwork, { links, openvswitch }: Realised): Step[] {
  const there = links.get(link);
  // One of the kernel's that we made gives way to one of Open vSwitch.
  if (openvswitch) return there?.kind === 'bridge' ? [ip(`link del dev ${link}`)] : [];
  const steps: Step[] = [];
  if (!there)
    steps.push(ip(`link add name ${link} mtu ${mtu} group ${LINK_GROUP} type bridge forward_delay 0 mcast_snooping 0`));
  if (there && (there.bridge?.forwardDelay !== 0 || there.bridge.isSnooping))
    steps.push(ip(`link set dev ${link} type bridge forward_delay 0 mcast_snooping 0`));
  if (there && there.mtu !== mtu) steps.push(ip(`link set dev ${link} mtu ${mtu}`));
  if (there?.isLeaving) steps.push(ip(`link set dev ${link} group ${LINK_GROUP}`));
  return steps;
}

function tunnelSteps(network: HostNetwork, { links, openvswitch }: Realised): Step[] {
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
        `link add name ${end} mtu ${mtu} group ${LINK_GROUP} ${openvswitch ? '' : `master ${link} `}type vxlan id ${vni} local ${local} dstport ${VXLAN_PORT} learning`,
      ),
    );
  if (there && there.mtu !== mtu) steps.push(ip(`link set dev ${end} mtu ${mtu}`));
  if (there && there.master !== link && !openvswitch) steps.push(ip(`link set dev ${end} master ${link}`));
  if (there?.isLeaving) steps.push(ip(`link set dev ${end} group ${LINK_GROUP}`));
  return steps;
}

const isSameTunnel = ({ tunnel }: HostNetwork, { vxlan }: Link): boolean =>
  tunnel !== undefined &&
  vxlan?.vni === tunnel.vni &&
  vxlan.local === tunnel.local &&
  vxlan.port === VXLAN_PORT &&
  vxlan.learning;

/** What links say to people is told them as they are switched on: each line costs time. */
function upSteps(network: HostNetwork, { links, openvswitch }: Realised): Step[] {
  const { name, link, tunnel } = network;
  const end = vxlanOf(name);
  const found = links.get(end);
  const alias = aliasOf(name);
  const setting = (dev: string, there: Link | undefined): Step[] => {
    const words = [...(there?.alias === alias ? [] : [`alias "${alias}"`]), ...(there?.isUp ? [] : ['up'])];
    return words.length === 0 ? [] : [ip(`link set dev ${dev} ${words.join(' ')}`)];
  };
  return [
    // The own link of a bridge of Open vSwitch is the host's way in, and stays down.
    ...(openvswitch ? [] : setting(link, links.get(link))),
    ...(tunnel ? setting(end, found && isSameTunnel(network, found) ? found : undefined) : []),
  ];
}

/** A port whose bridge was removed by hand has lost it, and nobody else puts it back. */
function portSteps({ name, link }: HostNetwork, ports: readonly HostPort[], { links, openvswitch }: Realised): Step[] {
  if (openvswitch) return [];
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

/** Whether links can be put on it, whoever realises it. */
export const isBridge = ({ kind }: Pick<Link, 'kind'>): boolean => kind === 'bridge' || kind === SWITCH_KIND;

/** Networks of which there is anything that we made. */
export const networksIn = ({ links }: Pick<Realised, 'links'>): string[] => [
  ...new Set([...links.values()].filter(isNetworkLink).flatMap(({ name }) => networkOfLink(name) ?? [])),
];

const isNetworkLink = ({ name, kind, isOurs }: Link): boolean =>
  isOurs && ((isBridge({ kind }) && name.startsWith('sk-')) || (kind === 'vxlan' && name.startsWith('vx-')));

/** How many links go at once: the kernel lets nobody else change a link meanwhile. */
const LEAVING_MAX = 64;

/** What takes networks away; of what somebody else made, nothing. */
export const planRemoval = (names: readonly string[], now: Pick<Realised, 'links'>): Step[] =>
  removal(linksOf(names, now), now);

/** What takes away again what has come since: links of these networks that were not there before. */
export const planUndo = (names: readonly string[], before: Realised, now: Pick<Realised, 'links'>): Step[] =>
  removal(
    linksOf(names, now).filter(({ name }) => !before.links.has(name)),
    now,
  );

function linksOf(names: readonly string[], { links }: Pick<Realised, 'links'>): Link[] {
  const wanted = new Set(names);
  return [...links.values()].filter((link) => isNetworkLink(link) && wanted.has(networkOfLink(link.name) ?? ''));
}

function removal(leaving: readonly Link[], { links }: Pick<Realised, 'links'>): Step[] {
  const bridges = leaving.filter(({ kind }) => kind === SWITCH_KIND);
  return [
    ...bridges.map(({ name }): Step => ({ tool: 'switch', changes: [bridgeRemoval(name)] })),
    ...linkRemoval(
      leaving.filter((link) => !bridges.includes(link)),
      links,
    ),
  ];
}

function linkRemoval(going: readonly Link[], links: ReadonlyMap<string, Link>): Step[] {
  // Whatever else is in that group would go too.
  const isGroupFree = [...links.values()].every((link) => !link.isLeaving || going.includes(link));
  if (going.length < 2 || !isGroupFree) return going.map(({ name }) => ip(`link del dev ${name}`));
  // Those that an earlier removal got no further with go with the first.
  const staying = going.filter(({ isLeaving }) => !isLeaving);
  const times = Math.max(1, Math.ceil(staying.length / LEAVING_MAX));
  return Array.from({ length: times }, (_, at) => [
    ...staying
      .slice(at * LEAVING_MAX, (at + 1) * LEAVING_MAX)
      .map(({ name }) => ip(`link set dev ${name} group ${LEAVING_GROUP}`)),
    ip(`link del group ${LEAVING_GROUP}`),
  ]).flat();
}
