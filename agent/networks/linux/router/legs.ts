import type { Link, Route } from '#agent/networks/linux/links.ts';
import { LINK_GROUP } from '#agent/networks/linux/names.ts';
import { SWITCH_KIND } from '#agent/networks/linux/openvswitch/changes.ts';
import type { Joined } from '#agent/networks/linux/openvswitch/switch.ts';
import { isBridge } from '#agent/networks/linux/plan.ts';
import { isV6, split } from '#shared/model/address.ts';
import { portLinkOf } from '#shared/model/network.ts';
import type { PlannedLeg } from './plan.ts';

/** What is there: links in the namespace with their addresses, links on the host by name, default routes in the namespace. */
export interface LegsNow {
  inside: readonly Link[];
  host: ReadonlyMap<string, Link>;
  routes: readonly Route[];
}

/** Lines for three runs of `ip -batch`, in this order; empty where nothing is to be done. */
export interface LegChanges {
  /** In the namespace: links that are not wanted, or not whole. */
  deleting: readonly string[];
  /** On the host: new legs, and ends of legs there. */
  joining: readonly string[];
  /** Ends of legs that are put on bridges of Open vSwitch, after. */
  switching: readonly Joined[];
  /** In the namespace: sizes, addresses, routes. */
  setting: readonly string[];
  made: readonly PlannedLeg[];
}

export interface Marks {
  /** The router's namespace. */
  namespace: string;
  /** Says to people whose links they are. */
  alias: string;
}

/** What has to be done for these legs to be there, and no others. */
export function legChanges(legs: readonly PlannedLeg[], now: LegsNow, marks: Marks): LegChanges {
  const made = legs.filter((leg) => !isWhole(leg, now));
  const kept = new Set(legs.filter((leg) => !made.includes(leg)).map(({ link }) => link));
  const gone = now.inside.filter(({ name }) => name !== 'lo' && !kept.has(name));
  return {
    deleting: gone.map(({ name }) => `link delete dev ${name}`),
    joining: legs.flatMap((leg) => (made.includes(leg) ? adding(leg, now, marks) : mendingOnHost(leg, now, marks))),
    switching: legs
      .filter(({ on }) => now.host.get(on)?.kind === SWITCH_KIND)
      .filter((leg) => made.includes(leg) || now.host.get(portLinkOf(leg.mac))?.master !== leg.on)
      .map(({ mac, on }) => ({ link: portLinkOf(mac), bridge: on })),
    setting: legs.flatMap((leg) => settingInside(leg, made.includes(leg) ? undefined : insideOf(leg, now), now.routes)),
    made,
  };
}

const insideOf = ({ link }: PlannedLeg, now: LegsNow): Link | undefined => now.inside.find(({ name }) => name === link);

/** On a bridge, a leg is a pair of links; on any other link it is a link of its own there. */
export const isOnBridge = ({ on }: PlannedLeg, host: ReadonlyMap<string, Link>): boolean =>
  isBridge(host.get(on) ?? {});

function isWhole(leg: PlannedLeg, now: LegsNow): boolean {
  const inside = insideOf(leg, now);
  if (!inside || inside.mac !== leg.mac) return false;
  return isOnBridge(leg, now.host)
    ? inside.kind === 'veth' && now.host.has(portLinkOf(leg.mac))
    : inside.kind === 'macvlan' && inside.onIndex === now.host.get(leg.on)?.index;
}

/** The word that puts a link on a bridge of the kernel, as it is made. */
const masterOf = ({ on }: PlannedLeg, host: ReadonlyMap<string, Link>): string =>
  host.get(on)?.kind === SWITCH_KIND ? '' : ` master ${on}`;

/** The mark is set by the kernel as it makes the link: there is no moment in which a link of ours has none. */
function adding(leg: PlannedLeg, { host }: LegsNow, { namespace, alias }: Marks): string[] {
  const { link, mac, mtu, on } = leg;
  if (!isOnBridge(leg, host))
    return [
      `link add link ${on} name ${link} netns ${namespace} address ${mac} mtu ${mtu} group ${LINK_GROUP} type macvlan mode bridge`,
    ];
  const end = portLinkOf(mac);
  return [
    // What is left of a leg whose other end is not where it should be; whether it is ours was looked at before.
    ...(host.has(end) ? [`link delete dev ${end}`] : []),
    `link add name ${end} mtu ${mtu} group ${LINK_GROUP}${masterOf(leg, host)} type veth peer name ${link} netns ${namespace} address ${mac} mtu ${mtu}`,
    // The host itself has no address on networks of guests.
    `link set dev ${end} addrgenmode none`,
    `link set dev ${end} alias "${alias}" up`,
  ];
}

function mendingOnHost(leg: PlannedLeg, { host }: LegsNow, { alias }: Marks): string[] {
  const end = portLinkOf(leg.mac);
  const link = isOnBridge(leg, host) ? host.get(end) : undefined;
  if (!link) return [];
  const master = masterOf(leg, host);
  return [
    ...(link.master === leg.on || master === '' ? [] : [`link set dev ${end}${master}`]),
    ...(link.mtu === leg.mtu ? [] : [`link set dev ${end} mtu ${leg.mtu}`]),
    ...(link.alias === alias ? [] : [`link set dev ${end} alias "${alias}"`]),
    ...(link.isUp ? [] : [`link set dev ${end} up`]),
  ];
}

/** @param link as it is; undefined where it is made by this change */
function settingInside(planned: PlannedLeg, link: Link | undefined, routes: readonly Route[]): string[] {
  const leg = planned.isGiven ? asGiven(planned, link, routes) : planned;
  const has = link?.addresses ?? [];
  const isUp = link?.isUp ?? false;
  const gone = has.filter((each) => !leg.addresses.includes(each));
  // Routes go with the address that they are used from, and with the link when that is down.
  const hasRoute = (gateway: string): boolean =>
    isUp && gone.length === 0 && routes.some((route) => route.gateway === gateway && route.dev === leg.link);
  return [
    ...(link && link.mtu !== leg.mtu ? [`link set dev ${leg.link} mtu ${leg.mtu}`] : []),
    ...routes
      .filter(({ gateway, dev }) => dev === leg.link && gateway !== undefined && !leg.gateways.includes(gateway))
      .map(({ gateway }) => `route del default via ${gateway} dev ${leg.link}`),
    ...gone.map((each) => `addr del ${each} dev ${leg.link}`),
    // Central sees to it that an address is there once: nobody has to be asked before it is used.
    ...leg.addresses
      .filter((each) => !has.includes(each))
      .map((each) => `addr replace ${each} dev ${leg.link}${isV6(each) ? ' nodad' : broadcastOf(each)}`),
    // What it has by then is told to others as it comes up.
    ...(isUp ? [] : [`link set dev ${leg.link} up`]),
    ...leg.gateways
      .filter((gateway) => !hasRoute(gateway))
      .map((gateway) => `route replace default via ${gateway} dev ${leg.link} onlink`),
  ];
}

/** What DHCP gave stays: its client sees to it. */
const asGiven = (leg: PlannedLeg, link: Link | undefined, routes: readonly Route[]): PlannedLeg => ({
  ...leg,
  addresses: link ? givenTo(link) : [],
  gateways: link ? gatewaysOf(link, routes).filter((gateway) => !isV6(gateway)) : [],
});

/** The addresses of IPv4 of a link, with the length of their prefix. */
export const givenTo = ({ addresses }: Link): string[] => addresses.filter((address) => !isV6(address));
export const gatewaysOf = ({ name }: Link, routes: readonly Route[]): string[] =>
  routes.flatMap(({ dev, gateway }) => (dev === name && gateway !== undefined ? [gateway] : []));

const broadcastOf = (address: string): string => (split(address).length < 31 ? ' broadcast +' : '');
