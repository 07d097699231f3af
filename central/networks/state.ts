/**
 * What the site wants of networks: values that are never changed in place. A change makes another state of one, and is known by the
 * rows that differ: those are written, and can be put back as they were.
 */
import { isDeepStrictEqual } from 'node:util';
import type { NetworkKind } from '#shared/model/network.ts';

export interface SiteNetwork {
  name: string;
  kind: NetworkKind;
  /** At most one of IPv4, which is first, and one of IPv6. */
  subnets: readonly string[];
  mtu: number;
  domain: string | null;
  /** Third byte of the MACs given here. */
  level: number;
  /** Of the kind outside, what is there already; null of the others. */
  link: string | null;
  /** Null of the kind outside. */
  vni: number | null;
  wanted: 'up' | 'down';
  /** That realise it in any case. */
  hosts: readonly string[];
  by: string;
  /** RFC 3339. */
  at: string;
}

/** A guest's interface. */
export interface SitePort {
  mac: string;
  network: string;
  /** The guest's contact. */
  guest: string;
  addresses: readonly string[];
}

export interface SiteLeg {
  network: string;
  mac: string;
  /** With the length of the prefix. Outside: none, where they come by DHCP. */
  addresses: readonly string[];
}

export interface SitePool {
  network: string;
  first: string;
  last: string;
}

export interface SiteRouter {
  name: string;
  /** Where it shall run. */
  host: string;
  /** The one host that may have it now, as far as central can say: no other is given it before that has let go of it. Null: none has it. */
  heldBy: string | null;
  outside: (SiteLeg & { gateways: readonly string[] }) | null;
  legs: readonly SiteLeg[];
  pools: readonly SitePool[];
  dns: readonly string[];
  /** The network that was made with it. */
  own: string | null;
  wanted: 'up' | 'down';
  by: string;
  at: string;
}

/** Where something is passed on to: a guest, whichever address it has, or an address. */
export type Destination = ({ guest: string } | { address: string }) & { port: number };

export interface SiteForward {
  router: string;
  protocol: 'tcp' | 'udp';
  port: number;
  to: Destination;
}

export interface SiteIngress {
  router: string;
  name: string;
  port: number;
  servers: readonly Destination[];
  check: string | null;
}

/** A leg of a host on a network, from which it is looked at. */
export interface SiteLook {
  network: string;
  host: string;
  mac: string;
  addresses: readonly string[];
}

export interface Rows {
  networks: SiteNetwork;
  ports: SitePort;
  routers: SiteRouter;
  forwards: SiteForward;
  ingress: SiteIngress;
  looks: SiteLook;
}
export type RowKind = keyof Rows;
export const ROW_KINDS = ['networks', 'ports', 'routers', 'forwards', 'ingress', 'looks'] as const;

/** By the id of each row. */
export type NetworkState = { readonly [K in RowKind]: ReadonlyMap<string, Rows[K]> };

export const NO_STATE: NetworkState = {
  networks: new Map(),
  ports: new Map(),
  routers: new Map(),
  forwards: new Map(),
  ingress: new Map(),
  looks: new Map(),
};

type IdParts = { looks: Pick<SiteLook, 'network' | 'host'> } & { [K in Exclude<RowKind, 'looks'>]: Rows[K] };
const IDS: { readonly [K in RowKind]: (row: IdParts[K]) => string } = {
  networks: ({ name }) => name,
  ports: ({ mac }) => mac,
  routers: ({ name }) => name,
  forwards: ({ router, protocol, port }) => `${router} ${protocol} ${port}`,
  ingress: ({ router, name, port }) => `${router} ${name} ${port}`,
  looks: ({ network, host }) => `${network} ${host}`,
};
export const idOfRow = <K extends RowKind>(kind: K, row: IdParts[K]): string => IDS[kind](row);

export function withRow<K extends RowKind>(state: NetworkState, kind: K, row: Rows[K]): NetworkState {
  return { ...state, [kind]: new Map(state[kind] as ReadonlyMap<string, Rows[K]>).set(idOfRow(kind, row), row) };
}

export function withoutRow(state: NetworkState, kind: RowKind, id: string): NetworkState {
  const rows = new Map<string, unknown>(state[kind]);
  rows.delete(id);
  return { ...state, [kind]: rows };
}

/** A row that differs; null is one that is not there. */
export interface Touched {
  kind: RowKind;
  id: string;
  before: Rows[RowKind] | null;
  after: Rows[RowKind] | null;
}
export type Change = readonly Touched[];

export const changeOf = (before: NetworkState, after: NetworkState): Change =>
  ROW_KINDS.flatMap((kind) => {
    if (before[kind] === after[kind]) return [];
    const ids = new Set([...before[kind].keys(), ...after[kind].keys()]);
    return [...ids].flatMap((id): Touched[] => {
      const [was, is] = [before[kind].get(id) ?? null, after[kind].get(id) ?? null];
      return isDeepStrictEqual(was, is) ? [] : [{ kind, id, before: was, after: is }];
    });
  });

/** What a change made, as it was before; what was changed again since then stays. */
export const undone = (state: NetworkState, change: Change): NetworkState =>
  change.reduce((before, { kind, id, before: was, after }) => {
    if (!isDeepStrictEqual(before[kind].get(id) ?? null, after)) return before;
    return was === null ? withoutRow(before, kind, id) : withRow(before, kind, was as Rows[typeof kind]);
  }, state);

/** Whether all that is named is there. */
export function isWhole({ networks, ports, routers, forwards, ingress, looks }: NetworkState): boolean {
  const legs = [...routers.values()].flatMap(({ outside, legs: own }) => [...(outside ? [outside] : []), ...own]);
  return (
    [...ports.values(), ...looks.values(), ...legs].every(({ network }) => networks.has(network)) &&
    [...forwards.values(), ...ingress.values()].every(({ router }) => routers.has(router))
  );
}

/** All MACs that are given. */
export const macsOf = (state: NetworkState): Set<string> =>
  new Set([
    ...state.ports.keys(),
    ...[...state.looks.values()].map(({ mac }) => mac),
    ...[...state.routers.values()].flatMap(({ outside, legs }) => [outside, ...legs].flatMap((leg) => leg?.mac ?? [])),
  ]);

export const portsOn = (state: NetworkState, network: string): SitePort[] =>
  state.ports
    .values()
    .filter((port) => port.network === network)
    .toArray();

/** Routers with a leg on it, the one outside too. */
export const routersOn = (state: NetworkState, network: string): SiteRouter[] =>
  state.routers
    .values()
    .filter(({ outside, legs }) => outside?.network === network || legs.some((leg) => leg.network === network))
    .toArray();

/** What fits through a tunnel over an IPv4 underlay of 1500 bytes; outside there is none. */
export const mtuOf = (kind: NetworkKind): number => (kind === 'outside' ? 1500 : 1450);
