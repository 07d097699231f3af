/**
 * Responsibilities: find out how far packets come from here to there, and where they stop.
 *
 * Theory of operation: the hops are looked at in the order in which a packet comes by them; each knows what would mend it. Nothing behind
 * the first that is wrong is looked at: it would only tell of that one again.
 */
import type { SiteGuest } from '#central/inventory/known-site.ts';
import { bad, type CheckDeps, type End, endHops, type Hop, reachHop, routerHops } from './check-hops.ts';
import { type NetworkState, portsOn, type SiteNetwork } from './state.ts';
import { isIn, networksAt } from './walls.ts';

export async function checkWay(deps: CheckDeps, from: string, to: string, port: number | undefined): Promise<Hop[]> {
  const hops: Hop[] = [];
  for await (const hop of wayOf(deps, from, to, port)) {
    hops.push(hop);
    if (hop.verdict === 'bad') break;
  }
  return hops;
}

async function* wayOf(
  deps: CheckDeps,
  from: string,
  to: string,
  tcpPort: number | undefined,
): AsyncGenerator<Hop, void, undefined> {
  const { state } = deps.networks;
  const guest = deps.site.find(from);
  const peer = peerOf(deps, to);
  const network = networkBetween(deps, from, guest, to, peer);
  if (!network) {
    yield guest
      ? bad(from, 'it is on no network', `network attach ${from}`)
      : await reachHop(deps, { host: from }, peer?.guest.addresses[0] ?? placeOf(deps, to), tcpPort);
    return;
  }
  const start = endOf(state, network, from, guest);
  yield* endHops(deps, network, start);
  const target = peer && endOf(state, network, peer.contact, peer);
  const isNear = target?.port !== undefined || network.subnets.some((subnet) => isIn(subnet, to));
  if (target?.port) yield* endHops(deps, network, target);
  const goals = networksAt(state, to, peer?.contact);
  if (!isNear) yield* routerHops(deps, network, { from, to, goals });
  const open = goals.find(({ kind }) => kind === 'routed' || kind === 'outside');
  const port = target?.port ?? (peer && open && portsOn(state, open.name).find((each) => each.guest === peer.contact));
  const address = port?.addresses[0] ?? peer?.guest.addresses[0] ?? placeOf(deps, to);
  // Nobody can have a leg outside: the host itself is there.
  const place = network.kind === 'outside' ? { host: start.host } : { host: start.host, network: network.name };
  yield await reachHop(deps, place, address, tcpPort);
}

/** Of a host, where its tunnels begin; its name, where that is not known. */
const placeOf = ({ site }: CheckDeps, to: string): string =>
  site.findHost(to)?.known.facts?.networks?.underlay?.address ?? to;

/** The guest that is meant by a name or an address. */
export function peerOf({ networks, site }: Pick<CheckDeps, 'networks' | 'site'>, to: string): SiteGuest | undefined {
  const owner = [...networks.state.ports.values()].find(({ addresses }) => addresses.includes(to));
  return site.find(to.toLowerCase()) ?? (owner ? site.find(owner.guest) : undefined);
}

/** The network by which they meet; else that of the address; else the first that the sender is on, where that is a guest. */
function networkBetween(
  { networks: { state, handing } }: CheckDeps,
  from: string,
  guest: SiteGuest | undefined,
  to: string,
  peer: SiteGuest | undefined,
): SiteNetwork | undefined {
  const isOn = (network: string, contact: string): boolean =>
    portsOn(state, network).some((port) => port.guest === contact);
  const own = [...state.networks.values()].filter(({ name }) =>
    guest
      ? isOn(name, guest.contact)
      : handing.compiled.realisersOf(name).includes(from) || (peer && isOn(name, peer.contact)),
  );
  const shared = own.find(
    ({ name, subnets }) => (peer && isOn(name, peer.contact)) || subnets.some((subnet) => isIn(subnet, to)),
  );
  // What is nowhere near, a host reaches by itself, and by none of its networks.
  return shared ?? (guest ? own[0] : undefined);
}

const endOf = (state: NetworkState, network: SiteNetwork, name: string, guest: SiteGuest | undefined): End => ({
  ...{ name, guest, host: guest?.host.name ?? name },
  port: guest && portsOn(state, network.name).find((port) => port.guest === guest.contact),
});
