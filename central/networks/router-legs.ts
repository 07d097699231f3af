/** Where a router gets its legs, and with which addresses. Pure. @throws Failure: why it is refused */
import { Failure } from '#shared/errors.ts';
import { Address, contains, Interface, isV6, nth, sizeOf, split, subnetOf } from '#shared/model/address.ts';
import { allotMac, gatewayOf, type MacPlan, ownersOn, ROUTER_TEMPLATE } from './allotment.ts';
import { type NewNetwork, someOf } from './network-changes.ts';
import { badArgument, networkNamed, outside as outsideOf, requireFree } from './rules.ts';
import { macsOf, type NetworkState, type SiteLeg, type SiteNetwork, type SiteRouter } from './state.ts';

/** What is said of a new router's way out. */
export interface WayOut {
  /** Addresses with or without the length of the prefix; or `dhcp`. */
  public: readonly string[];
  gateway: readonly string[];
  outside: string | undefined;
  /** The network that is made with it. */
  own: NewNetwork | undefined;
}

/** On a network it has the first address of each subnet, or where that is another's, the lowest free one. */
export function legOn(state: NetworkState, network: SiteNetwork, plan: MacPlan): SiteLeg {
  if (network.kind === 'outside')
    throw badArgument('network', `${network.name} is outside: say it as outside, with an address as public`);
  if (network.subnets.length === 0)
    throw badArgument('network', `${network.name} has no subnet, so nothing is routed there`);
  const owners = ownersOn(state, network.name);
  const addresses = network.subnets.map((subnet) => {
    const free = isV6(subnet) ? lowestFree(subnet, owners) : firstFree(state, network, subnet, owners);
    return `${free}/${split(subnet).length}`;
  });
  const mac = allotMac(macsOf(state), plan, network.level, ROUTER_TEMPLATE);
  return { network: network.name, mac, addresses };
}

const firstFree = (state: NetworkState, network: SiteNetwork, subnet: string, owners: ReadonlyMap<string, string>) => {
  const gateway = gatewayOf(subnet);
  if (!owners.has(gateway)) return gateway;
  for (let n = sizeOf(subnet) - 2n; n > 1n; n--) {
    const address = nth(subnet, n) as string;
    if (!owners.has(address) && isFree(state, network, address)) return address;
  }
  throw new Failure('addresses-spent', { network: network.name, what: `address of ${subnet}` });
};
const isFree = (state: NetworkState, network: SiteNetwork, address: string): boolean => {
  try {
    requireFree(state, network, address);
    return true;
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
};
function lowestFree(subnet: string, owners: ReadonlyMap<string, string>): string {
  let n = 1n;
  while (owners.has(nth(subnet, n) as string)) n++;
  return nth(subnet, n) as string;
}

export function outsideLeg(state: NetworkState, wanted: WayOut, plan: MacPlan): SiteRouter['outside'] {
  const { public: words, gateway } = wanted;
  if (words.length === 0) {
    if (wanted.own && wanted.own.kind !== 'isolated')
      throw badArgument(
        'public',
        `a network of the kind ${wanted.own.kind} needs a way out: say an address, or dhcp; or kind=isolated`,
      );
    if (wanted.outside !== undefined || gateway.length > 0)
      throw badArgument('public', 'say its address outside with the length of the prefix, or dhcp');
    return null;
  }
  const network = outsideNetwork(state, wanted.outside);
  const isDhcp = words.includes('dhcp');
  if (isDhcp && (words.length > 1 || gateway.length > 0))
    throw badArgument('public', 'with dhcp, addresses and gateways are as they are given: say nothing else');
  const addresses = isDhcp ? [] : words.map((word) => publicAddress(network, word));
  if (addresses.length === 2 && isV6(addresses[0] ?? '') === isV6(addresses[1] ?? ''))
    throw badArgument('public', 'one address of IPv4, one of IPv6, or one of both');
  for (const address of addresses) requireFree(state, network, split(address).address);
  for (const each of gateway) checkGateway(addresses, each);
  if (gateway.length === 2 && isV6(gateway[0] ?? '') === isV6(gateway[1] ?? ''))
    throw badArgument('gateway', 'one of IPv4, one of IPv6, or one of both');
  const mac = allotMac(macsOf(state), plan, network.level, ROUTER_TEMPLATE);
  return { network: network.name, mac, addresses, gateways: [...gateway] };
}

function outsideNetwork(state: NetworkState, name: string | undefined): SiteNetwork {
  const all = state.networks
    .values()
    .filter(({ kind }) => kind === 'outside')
    .toArray();
  const [only, ...others] = all;
  if (name === undefined && only && others.length === 0) return only;
  if (name === undefined && !only)
    throw badArgument(
      'outside',
      'there is no network outside yet: network create NAME kind=outside link=LINK host=HOST',
    );
  if (name === undefined) throw badArgument('outside', `say which: ${someOf(all.map((each) => each.name))}`);
  const network = networkNamed(state, name);
  if (network.kind === 'outside') return network;
  throw badArgument('outside', `${name} is of the kind ${network.kind}, and no way out`);
}

/** @throws Failure bad-argument */
function publicAddress({ name, subnets }: SiteNetwork, word: string): string {
  const whole = Interface.safeParse(word);
  if (whole.success) {
    const { address } = split(whole.data);
    const isHost = address !== nth(subnetOf(whole.data), 0n) || split(whole.data).length >= (isV6(address) ? 127 : 31);
    if (isHost) return whole.data;
    throw outsideOf(address, 'it is the address of the subnet itself');
  }
  const bare = Address.safeParse(word);
  if (!bare.success)
    throw badArgument('public', 'write an address with the length of its prefix, as 192.0.2.10/24, or dhcp');
  const subnet = subnets.find((each) => contains(each, bare.data));
  if (subnet !== undefined) return `${bare.data}/${split(subnet).length}`;
  throw badArgument(
    'public',
    `write it with the length of its prefix, as ${bare.data}/${isV6(bare.data) ? 64 : 24}: ${name} has no subnet with it`,
  );
}

function checkGateway(addresses: readonly string[], gateway: string): void {
  const own = addresses.find((address) => contains(subnetOf(address), gateway));
  // Routers of IPv6 are often known by their link-local address alone.
  const isLinkLocal = isV6(gateway) && contains('fe80::/10', gateway) && addresses.some(isV6);
  if (own === undefined && !isLinkLocal)
    throw outsideOf(
      gateway,
      `a gateway is in the subnet of the public address, ${addresses.map(subnetOf).join(' or ')}`,
    );
  if (own !== undefined && split(own).address === gateway) throw outsideOf(gateway, 'it is the public address itself');
}
