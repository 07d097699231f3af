/**
 * By which way hosts of a network are joined. A host whose configuration names WireGuard is joined to others that have it, and to nobody else:
 * what it sends never goes bare because a host without it comes to a network. The others are joined over their private underlay. Pure.
 */
import { createHash } from 'node:crypto';
import { isV6, nth, type Subnet } from '#shared/model/address.ts';
import type { HostMesh, MeshEnd, MeshPeer } from '#shared/model/mesh.ts';
import type { HostNetwork } from '#shared/model/network.ts';
import type { PlanTrouble } from './compile.ts';
import type { SiteNetwork } from './state.ts';

export interface Underlay {
  address: string;
  mtu: number;
}

/** How hosts are reached by others, as far as it is known. */
export interface Ways {
  underlayOf(host: string): Underlay | undefined;
  wireguardOf(host: string): MeshEnd | undefined;
  /** Where hosts with WireGuard have their addresses. */
  mesh: Subnet;
}

/** How often those behind NAT send something, in seconds: NATs forget UDP after half a minute (WireGuard's own advice). */
const KEEPALIVE_S = 25;

/** What a tunnel needs of its underlay more than what is in it: VXLAN (RFC 7348) over IPv4, over IPv6. */
export const tunnelBytes = (address: string): number => (isV6(address) ? 70 : 50);

/** The same whenever it is asked for, so that nothing is kept: 64 bits of the name's digest. */
export function meshAddressOf(mesh: Subnet, host: string): string {
  const digest = createHash('sha256').update(host).digest().readBigUInt64BE();
  // The first address of a subnet is that of all its routers (RFC 4291 section 2.6.1).
  return nth(mesh, digest === 0n ? 1n : digest) as string;
}

/** Where a host's tunnels begin; those that begin in the same way can be joined. */
interface End extends Underlay {
  way: string;
}

function endOf(host: string, { underlayOf, wireguardOf, mesh }: Ways): End | undefined {
  const wireguard = wireguardOf(host);
  if (wireguard) return { way: 'WireGuard', address: meshAddressOf(mesh, host), mtu: wireguard.mtu };
  const underlay = underlayOf(host);
  return underlay && { ...underlay, way: `an underlay of ${isV6(underlay.address) ? 'IPv6' : 'IPv4'}` };
}

/** Of the hosts that realise a network, those that this one is joined to. */
function joinedTo(host: string, hosts: readonly string[], ways: Ways): { host: string; end: End }[] {
  const own = endOf(host, ways);
  return hosts.flatMap((other) => {
    const end = other === host ? undefined : endOf(other, ways);
    return end && own && end.way === own.way && !isTwin(host, other, ways) ? [{ host: other, end }] : [];
  });
}

/** A key that two have is that of a disk that was copied: each would take the other's packets. */
function isTwin(host: string, other: string, { wireguardOf }: Ways): boolean {
  const [own, its] = [wireguardOf(host)?.publicKey, wireguardOf(other)?.publicKey];
  return own !== undefined && own === its;
}

export function tunnelFor(
  host: string,
  { vni }: Pick<SiteNetwork, 'vni'>,
  hosts: readonly string[],
  ways: Ways,
): HostNetwork['tunnel'] {
  const local = endOf(host, ways)?.address;
  const peers = joinedTo(host, hosts, ways).map(({ end }) => end.address);
  return vni !== null && local !== undefined && peers.length > 0 ? { vni, local, peers: peers.sort() } : undefined;
}

/**
 * A host's part of the mesh: those alone that it shares a network with.
 *
 * @param shared of each network that is joined to others, the hosts that realise it
 * @returns undefined where none of its tunnels go that way
 */
export function meshFor(host: string, shared: readonly (readonly string[])[], ways: Ways): HostMesh | undefined {
  const own = ways.wireguardOf(host);
  if (!own) return undefined;
  const others = new Set(shared.flatMap((hosts) => joinedTo(host, hosts, ways).map((each) => each.host)));
  if (others.size === 0) return undefined;
  const peers = [...others].sort().flatMap((other): MeshPeer[] => {
    const end = ways.wireguardOf(other);
    return end ? [peerOf(other, end, own, ways)] : [];
  });
  const keys = peers.map(({ publicKey }) => publicKey);
  const single = peers.filter(({ publicKey }) => keys.indexOf(publicKey) === keys.lastIndexOf(publicKey));
  return { address: meshAddressOf(ways.mesh, host), mtu: own.mtu, peers: single };
}

const peerOf = (host: string, { publicKey, endpoint, port }: MeshEnd, own: MeshEnd, { mesh }: Ways): MeshPeer => ({
  ...{ host, publicKey, address: meshAddressOf(mesh, host) },
  ...(endpoint === undefined ? {} : { endpoint: { host: endpoint, port } }),
  ...(own.endpoint === undefined ? { keepaliveS: KEEPALIVE_S } : {}),
});

/** Why hosts of a network are not joined, or not for all that is sent. */
export function tunnelTroubles(network: SiteNetwork, hosts: readonly string[], ways: Ways): PlanTrouble[] {
  if (network.vni === null || hosts.length < 2) return [];
  const ends = hosts.map((host) => ({ host, end: endOf(host, ways) }));
  const problems = [...partedProblems(ends), ...ends.flatMap((each) => fitProblems(network, each))];
  return [...problems, ...wireguardProblems(hosts, ways)].map((problem) => ({
    ...{ what: 'network', name: network.name, problem },
  }));
}

interface HostEnd {
  host: string;
  end: End | undefined;
}

function partedProblems(ends: readonly HostEnd[]): string[] {
  const ways = [...new Set(ends.flatMap(({ end }) => (end ? [end.way] : [])))].sort();
  if (ways.length < 2) return [];
  const each = ways.map((way) => {
    const hosts = ends.filter(({ end }) => end?.way === way).map(({ host }) => host);
    return `${hosts.join(', ')} by ${way}`;
  });
  return [`its hosts are not all joined: ${each.join('; ')}`];
}

function fitProblems({ mtu }: SiteNetwork, { host, end }: HostEnd): string[] {
  if (!end) return [`${host} is not joined to the others: it has no underlay; name one in its configuration`];
  const fits = end.mtu - tunnelBytes(end.address);
  const way = end.way === 'WireGuard' ? 'the WireGuard link' : 'the underlay';
  return mtu <= fits ? [] : [`packets of ${mtu} bytes do not fit through ${way} of ${host}: ${fits} is the most`];
}

function wireguardProblems(hosts: readonly string[], { wireguardOf }: Ways): string[] {
  const ends = hosts.flatMap((host) => {
    const wireguard = wireguardOf(host);
    return wireguard ? [{ host, ...wireguard }] : [];
  });
  const hidden = ends.filter(({ endpoint }) => endpoint === undefined).map(({ host }) => host);
  const twins = ends.filter(({ publicKey }) => ends.filter((each) => each.publicKey === publicKey).length > 1);
  return [
    ...(hidden.length > 1
      ? [`${hidden.join(' and ')} do not reach each other: none of them names a WireGuard endpoint`]
      : []),
    ...(twins.length > 0
      ? [`${twins.map(({ host }) => host).join(' and ')} are not joined: they have one WireGuard key; remove it on one`]
      : []),
  ];
}
