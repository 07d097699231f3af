/** Where no packet goes however well all of it works: networks that routers keep from each other. Pure. */
import { contains, split } from '#shared/model/address.ts';
import { type NetworkState, portsOn, routersOn, type SiteNetwork } from './state.ts';

export const isIn = (subnet: string, address: string): boolean => {
  try {
    return contains(subnet, address);
  } catch {
    return false; // a name
  }
};

/** The networks where the other end of a way is: those of a guest, or the one that has the address. */
export const networksAt = (state: NetworkState, to: string, guest: string | undefined): SiteNetwork[] =>
  [...state.networks.values()].filter(({ name, subnets }) =>
    guest === undefined
      ? subnets.some((subnet) => isIn(subnet, to))
      : portsOn(state, name).some((port) => port.guest === guest),
  );

export interface Wall {
  found: string;
  mend: string;
}

/**
 * Why nothing comes from a network to another end, as docs/routers.md has it; undefined: routers let it pass.
 *
 * @param from who sends
 * @param goals the networks where the other end is; none of them is where it is sent from
 */
export function wallOf(
  state: NetworkState,
  network: SiteNetwork,
  { from, to, goals }: { from: string; to: string; goals: readonly SiteNetwork[] },
): Wall | undefined {
  if (network.kind === 'outside') return undefined;
  const [goal] = goals;
  const isOpen = goals.length === 0 || goals.some(({ kind }) => kind === 'routed' || kind === 'outside');
  if (goal && !isOpen)
    return { found: betweenThem(state, network, goal, to), mend: `network attach ${from} network=${goal.name}` };
  if (network.kind !== 'isolated' || isPublic(state, network, to)) return undefined;
  return {
    found: `${network.name} is isolated, so nothing leaves it`,
    mend: 'use a network of the kind nat or routed',
  };
}

function betweenThem(state: NetworkState, network: SiteNetwork, goal: SiteNetwork, to: string): string {
  const both = routersOn(state, network.name).find(({ legs }) => legs.some((leg) => leg.network === goal.name));
  const why = both
    ? `the router ${both.name} lets nothing into it, since it is ${goal.kind}`
    : `no router joins ${network.name} and ${goal.name}`;
  return `${to} is on ${goal.name}, and ${why}: private networks are private from each other`;
}

/** Ports that are passed on can be used from every network of their router. */
const isPublic = (state: NetworkState, { name }: SiteNetwork, to: string): boolean =>
  routersOn(state, name).some(({ outside }) => outside?.addresses.some((address) => split(address).address === to));
