import { Failure } from '#shared/errors.ts';
import { isV6, split } from '#shared/model/address.ts';
import type { HostNetwork } from '#shared/model/network.ts';
import type { Link } from './links.ts';
import { vxlanOf } from './names.ts';
import { isBridge } from './plan.ts';

/** What a tunnel puts around each frame: Ethernet 14, VXLAN 8, UDP 8, and IPv4 20 or IPv6 40 bytes. */
export const tunnelBytes = (local: string): number => 14 + 8 + 8 + (isV6(local) ? 40 : 20);

export interface Ground {
  /** Name of this host. */
  host: string;
  /** With their addresses, where a network is to have a tunnel. */
  links: ReadonlyMap<string, Link>;
}

/** Why a network cannot be made here; undefined where it can. */
export function problemOf(network: HostNetwork, ground: Ground): Failure | undefined {
  const { host, links } = ground;
  if (network.kind === 'outside') {
    if (links.has(network.link)) return undefined;
    return new Failure('network-missing', { link: network.link, host, problem: `${network.name} is to be on it` });
  }
  for (const [name, isKind] of [
    [network.link, isBridge],
    [vxlanOf(network.name), ({ kind }: Link) => kind === 'vxlan'],
  ] as const) {
    const link = links.get(name);
    if (link && !(link.isOurs && isKind(link))) return new Failure('network-clash', { what: 'a link', name, host });
  }
  return tunnelProblem(network, ground);
}

function tunnelProblem({ name, mtu, tunnel }: HostNetwork, { host, links }: Ground): Failure | undefined {
  if (!tunnel) return undefined;
  const under = [...links.values()].find((link) => link.addresses.some((each) => split(each).address === tunnel.local));
  if (!under)
    return new Failure('network-host', {
      host,
      problem: `the tunnel of ${name} begins at ${tunnel.local}, which is no address of this host`,
    });
  const needed = mtu + tunnelBytes(tunnel.local);
  if (under.mtu >= needed) return undefined;
  const problem = `${name} has an MTU of ${mtu}, and its tunnel needs ${needed} of ${under.name}, which has ${under.mtu}`;
  return new Failure('network-host', { host, problem });
}
