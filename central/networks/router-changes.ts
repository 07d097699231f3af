/** Changes of routers, each from a state to the next one. Pure. @throws Failure: why it is refused */
import { isIP } from 'node:net';
import { Failure } from '#shared/errors.ts';
import { Address, contains, Interface, isV6, nth, numberOf, sizeOf, split, subnetOf } from '#shared/model/address.ts';
import { allotMac, gatewayOf, type MacPlan, ownersOn, ROUTER_TEMPLATE } from './allotment.ts';
import { createNetwork, type NewNetwork, someOf, withoutNetwork } from './network-changes.ts';
import { badArgument, networkNamed, outside as outsideOf, requireFree, routerNamed } from './rules.ts';
import {
  macsOf,
  type NetworkState,
  portsOn,
  routersOn,
  type SiteLeg,
  type SiteNetwork,
  type SitePool,
  type SiteRouter,
  withoutRow,
  withRow,
} from './state.ts';

export interface NewRouter {
  name: string;
  /** Addresses with or without the length of the prefix; or `dhcp`. */
  public: readonly string[];
  gateway: readonly string[];
  outside: string | undefined;
  /** Networks that are there. */
  network: readonly string[];
  host: string | undefined;
  dns: readonly string[];
  /** FIRST-LAST. */
  pool: readonly string[];
  /** The network that is made with it. */
  own: NewNetwork | undefined;
  by: string;
  at: string;
}

export interface RouterMeans {
  plan: MacPlan;
  random(): number;
  /** All hosts of the site. */
  hosts: readonly string[];
  /** Those that realise a network now. */
  realisersOf(network: string): readonly string[];
}

/** @throws Failure router-exists, network-*, address-outside, address-taken, addresses-spent, host-not-found, bad-argument */
export function createRouter(state: NetworkState, wanted: NewRouter, means: RouterMeans): NetworkState {
  const { name, own, by, at } = wanted;
  if (state.routers.has(name)) throw new Failure('router-exists', { router: name });
  if (own === undefined && wanted.network.length === 0)
    throw badArgument('subnet', 'say a subnet for a network of its own, or network, one that is there');
  let made = own ? createNetwork(state, own, means.random) : state;
  const outside = outsideLeg(made, wanted, means.plan);
  if (outside) made = withRow(made, 'routers', bare(wanted, [], outside));
  const legs: SiteLeg[] = [];
  for (const network of [...(own ? [own.name] : []), ...new Set(wanted.network)]) {
    legs.push(legOn(made, networkNamed(made, network), means.plan));
    made = withRow(made, 'routers', bare(wanted, legs, outside));
  }
  const host = hostFor(made, wanted, outside, means);
  const pools = wanted.pool.map((text) => poolOf(made, legs, text));
  const router: SiteRouter = {
    ...{
      name,
      host,
      heldBy: host,
      outside,
      legs,
      pools,
      dns: [...wanted.dns],
      own: own?.name ?? null,
      wanted: 'up',
      by,
      at,
    },
  };
  return withRow(made, 'routers', router);
}

/** As far as it is known: so that what one leg got is not given to the next. */
const bare = ({ name, by, at }: NewRouter, legs: readonly SiteLeg[], outside: SiteRouter['outside']): SiteRouter => ({
  ...{ name, host: '', heldBy: null, outside, legs: [...legs], pools: [], dns: [], own: null, wanted: 'up', by, at },
});

/** On a network it has the first address of each subnet, or where that is another's, the lowest free one. */
function legOn(state: NetworkState, network: SiteNetwork, plan: MacPlan): SiteLeg {
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

function outsideLeg(state: NetworkState, wanted: NewRouter, plan: MacPlan): SiteRouter['outside'] {
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

function hostFor(
  state: NetworkState,
  wanted: NewRouter,
  outside: SiteRouter['outside'],
  { hosts, realisersOf }: Pick<RouterMeans, 'hosts' | 'realisersOf'>,
): string {
  if (wanted.host !== undefined) {
    if (hosts.includes(wanted.host)) return wanted.host;
    throw new Failure('host-not-found', { host: wanted.host });
  }
  const named = outside ? (state.networks.get(outside.network)?.hosts ?? []) : [];
  const there = named.length > 0 ? named : outside ? realisersOf(outside.network) : [];
  const candidates = there.length > 0 ? there : hosts;
  const [only, ...others] = candidates;
  if (only !== undefined && others.length === 0) return only;
  throw badArgument('host', `say where it runs: ${someOf(candidates)}`);
}

/** `10.99.0.100-10.99.0.200` on one of the legs. @throws Failure bad-argument, address-outside, address-taken */
function poolOf(state: NetworkState, legs: readonly SiteLeg[], text: string): SitePool {
  const [first = '', last = '', ...more] = text.split('-').map((word) => word.trim());
  if (more.length > 0 || isIP(first) !== 4 || isIP(last) !== 4 || numberOf(first) > numberOf(last))
    throw badArgument('pool', 'write FIRST-LAST of IPv4, as 10.99.0.100-10.99.0.200');
  for (const { network: name } of legs) {
    const network = networkNamed(state, name);
    if (!network.subnets.some((subnet) => contains(subnet, first) && contains(subnet, last))) continue;
    requireFree(state, network, first);
    requireFree(state, network, last);
    for (const [address, owner] of ownersOn(state, name))
      if (!isV6(address) && numberOf(first) <= numberOf(address) && numberOf(address) <= numberOf(last))
        throw new Failure('address-taken', { address, owner });
    return { network: name, first, last };
  }
  throw outsideOf(text, 'no network of this router has all of it');
}

/** With what is passed on, and the network that was made with it where nothing else is on that. @throws Failure router-not-found, router-in-use */
export function deleteRouter(state: NetworkState, name: string): NetworkState {
  const router = routerNamed(state, name);
  const guests = router.legs.flatMap(({ network }) =>
    routersOn(state, network).some((other) => other.name !== name) ? [] : portsOn(state, network),
  );
  const [first] = guests;
  if (first)
    throw new Failure('router-in-use', {
      router: name,
      users: someOf(guests.map(({ guest }) => guest)),
      how: `network detach ${first.guest} ${first.network}, and so on`,
    });
  let left = withoutRow(state, 'routers', name);
  for (const kind of ['forwards', 'ingress'] as const)
    for (const [id, entry] of state[kind]) if (entry.router === name) left = withoutRow(left, kind, id);
  const { own } = router;
  const isUsed = own === null || !left.networks.has(own) || portsOn(left, own).length + routersOn(left, own).length > 0;
  return isUsed ? left : withoutNetwork(left, own);
}
