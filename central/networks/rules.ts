/** What is refused of networks, each with a failure that says which word was wrong. Pure. */

import { Failure } from '#shared/errors.ts';
import { contains, isV6, nth, overlap, sizeOf, split } from '#shared/model/address.ts';
import { didYouMean } from '#shared/verb/suggest.ts';
import { gatewayOf, isWithin, ownersOn, poolsOn } from './allotment.ts';
import { macsOf, type NetworkState, type SiteNetwork, type SiteRouter } from './state.ts';

/** @throws Failure network-not-found, with the names that are like it */
export function networkNamed({ networks }: NetworkState, name: string): SiteNetwork {
  const network = networks.get(name);
  if (network) return network;
  throw new Failure('network-not-found', { network: name, hint: didYouMean(name, networks.keys()) });
}

/** @throws Failure router-not-found, with the names that are like it */
export function routerNamed({ routers }: NetworkState, name: string): SiteRouter {
  const router = routers.get(name);
  if (router) return router;
  throw new Failure('router-not-found', { router: name, hint: didYouMean(name, routers.keys()) });
}

export const badArgument = (field: string, problem: string): Failure => new Failure('bad-argument', { field, problem });

/** Where no network of guests can be (IANA's special-purpose registries). */
const SPECIAL: readonly (readonly [string, string])[] = [
  ['0.0.0.0/8', 'means this host'],
  ['127.0.0.0/8', 'is loopback'],
  ['169.254.0.0/16', 'is link-local'],
  ['224.0.0.0/4', 'is multicast'],
  ['240.0.0.0/4', 'is reserved'],
  ['::/8', 'is reserved'],
  ['fe80::/10', 'is link-local'],
  ['ff00::/8', 'is multicast'],
];
const LENGTH4_MIN = 8;
const LENGTH4_MAX = 29;
const LENGTH6 = 64;

/** Subnets for a network, IPv4 first. @throws Failure network-subnet, bad-argument */
export function checkedSubnets(state: NetworkState, subnets: readonly string[]): string[] {
  const ordered = subnets.toSorted((a, b) => Number(isV6(a)) - Number(isV6(b)));
  const [first, second] = ordered;
  if (first !== undefined && second !== undefined && isV6(first) === isV6(second))
    throw badArgument(
      'subnet',
      `${first} and ${second} are of one kind: a network has one of IPv4, or one of IPv6, or both`,
    );
  for (const subnet of ordered) {
    const problem = problemOfSubnet(subnet) ?? overlapping(state, subnet);
    if (problem !== undefined) throw new Failure('network-subnet', { subnet, problem });
  }
  return ordered;
}

function problemOfSubnet(subnet: string): string | undefined {
  const { length } = split(subnet);
  if (isV6(subnet) && length !== LENGTH6) return `of IPv6 a /${LENGTH6} is due`;
  if (!isV6(subnet) && (length < LENGTH4_MIN || length > LENGTH4_MAX))
    return `a prefix of ${LENGTH4_MIN} to ${LENGTH4_MAX} is due`;
  const special = SPECIAL.find(([other]) => overlap(other, subnet));
  return special && `${special[0]} ${special[1]}`;
}

function overlapping({ networks }: NetworkState, subnet: string): string | undefined {
  for (const { name, subnets } of networks.values()) {
    const other = subnets.find((each) => overlap(each, subnet));
    if (other !== undefined) return `it shares addresses with ${other} of the network ${name}`;
  }
  return undefined;
}

/** An address that somebody asked to have on a network. @throws Failure address-outside, address-taken */
export function requireFree(state: NetworkState, network: SiteNetwork, address: string): void {
  const subnet = network.subnets.find((each) => contains(each, address));
  if (subnet === undefined && network.subnets.length > 0)
    throw outside(address, `the network ${network.name} has ${network.subnets.join(' and ')}`);
  const owner = ownersOn(state, network.name).get(address);
  if (owner !== undefined) throw new Failure('address-taken', { address, owner });
  if (subnet === undefined) return;
  if (address === nth(subnet, 0n)) throw outside(address, `it is the address of ${subnet} itself`);
  if (!isV6(subnet) && address === nth(subnet, sizeOf(subnet) - 1n))
    throw outside(address, `it is the broadcast address of ${subnet}`);
  if (network.kind !== 'outside' && address === gatewayOf(subnet))
    throw outside(address, `it is kept for the gateway of ${network.name}`);
  const pool = poolsOn(state, network.name).find((each) => isWithin(each, address));
  if (pool) throw outside(address, `it is in the pool ${pool.first}-${pool.last} of the router ${pool.router}`);
}

export const outside = (address: string, problem: string): Failure =>
  new Failure('address-outside', { address, problem });

/** @throws Failure address-taken */
export function requireFreeMac(state: NetworkState, mac: string): void {
  if (!macsOf(state).has(mac)) return;
  const guest = state.ports.get(mac)?.guest;
  throw new Failure('address-taken', { address: mac, owner: guest ?? 'a router or a look' });
}

/** The network that all these addresses are in. @throws Failure address-outside, bad-argument */
export function networkOf(state: NetworkState, addresses: readonly string[]): SiteNetwork {
  const found = addresses.map((address) => {
    const network = state.networks.values().find(({ subnets }) => subnets.some((subnet) => contains(subnet, address)));
    if (network) return network;
    throw outside(address, `no network has it; ${subnetsIn(state)}`);
  });
  const [first, ...others] = found;
  if (!first) throw badArgument('ip', 'say an address, or a network');
  const other = others.find(({ name }) => name !== first.name);
  if (other)
    throw badArgument('ip', `${addresses.join(' and ')} are on ${first.name} and ${other.name}: one at a time`);
  return first;
}

const SUBNETS_SHOWN = 5;

function subnetsIn({ networks }: NetworkState): string {
  const all = networks
    .values()
    .flatMap(({ name, subnets }) => subnets.map((subnet) => `${subnet} (${name})`))
    .toArray();
  if (all.length === 0) return 'there is no network with a subnet';
  const rest = all.length > SUBNETS_SHOWN ? `, and ${all.length - SUBNETS_SHOWN} more` : '';
  return `there are ${all.slice(0, SUBNETS_SHOWN).join(', ')}${rest}`;
}
