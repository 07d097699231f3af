/** What is given to networks and ports, each once. Pure; what is random comes in. */

import { Failure } from '#shared/errors.ts';
import { contains, eui64, isV6, nth, numberOf, sizeOf, split } from '#shared/model/address.ts';
import type { NetworkState, SiteNetwork } from './state.ts';

/** The first bytes of MACs, and the names of templates. */
export interface MacPlan {
  /** Two bytes, as `06:53`. */
  prefix: string;
  templates: Readonly<Record<string, number>>;
}

/** Fourth bytes that are not for guests. */
export const ROUTER_TEMPLATE = 255;
export const LOOK_TEMPLATE = 254;
export const GUEST_TEMPLATE_MAX = 253;

const SERIALS = 65_536;
const VNIS = 16_777_215;

/**
 * The next MAC of a plan: prefix, level, template, serial; first those behind the highest one that is taken, so that one that was
 * given back rests as long as it can.
 *
 * @throws Failure addresses-spent
 */
export function allotMac(taken: ReadonlySet<string>, { prefix }: MacPlan, level: number, template: number): string {
  const begin = `${prefix}:${byte(level)}:${byte(template)}:`;
  const serials = new Set(
    [...taken].flatMap((mac) =>
      mac.startsWith(begin) ? [Number.parseInt(mac.slice(begin.length).replace(':', ''), 16)] : [],
    ),
  );
  const after = serials.size === 0 ? 0 : Math.max(...serials);
  for (let n = 1; n <= SERIALS; n++) {
    const serial = (after + n) % SERIALS;
    if (!serials.has(serial)) return `${begin}${byte(serial >> 8)}:${byte(serial & 255)}`;
  }
  throw new Failure('addresses-spent', { network: `the level ${level}`, what: `MAC of the template ${template}` });
}

const byte = (n: number): string => n.toString(16).padStart(2, '0');

/**
 * A VXLAN network identifier that no network has. By chance, so that one that was given back is not another's soon: a host that is
 * away does not know yet, and would send into it.
 *
 * @param random from 0 up to, and without, 1
 */
export function allotVni(taken: ReadonlySet<number>, random: () => number): number {
  const from = Math.floor(random() * VNIS);
  for (let n = 0; n < VNIS; n++) {
    const vni = ((from + n) % VNIS) + 1;
    if (!taken.has(vni)) return vni;
  }
  throw new Failure('addresses-spent', { network: 'The site', what: 'VNI' });
}

export const vnisOf = ({ networks }: NetworkState): Set<number> =>
  new Set([...networks.values()].flatMap(({ vni }) => vni ?? []));

/** The address that is kept for the gateway: the first one. */
export const gatewayOf = (subnet: string): string => nth(subnet, 1n) as string;

/** Which addresses of a network are taken, and by whom. */
export function ownersOn(state: NetworkState, network: string): Map<string, string> {
  const owners = new Map<string, string>();
  for (const { network: on, guest, addresses } of state.ports.values())
    if (on === network) for (const address of addresses) owners.set(address, guest);
  for (const { name, outside, legs } of state.routers.values())
    for (const leg of [outside, ...legs])
      if (leg?.network === network)
        for (const address of leg.addresses) owners.set(split(address).address, `the router ${name}`);
  for (const { network: on, host, addresses } of state.looks.values())
    if (on === network) for (const address of addresses) owners.set(split(address).address, `the look of ${host}`);
  return owners;
}

/**
 * The lowest free IPv4 address of a subnet: not its first (the network), not the second (the gateway), not its last (broadcast),
 * none of a pool.
 *
 * @throws Failure addresses-spent
 */
export function allotAddress(state: NetworkState, network: SiteNetwork, subnet: string): string {
  const owners = ownersOn(state, network.name);
  const pools = poolsOn(state, network.name);
  const last = sizeOf(subnet) - 1n;
  for (let n = 2n; n < last; n++) {
    const address = nth(subnet, n) as string;
    const pool = pools.find((each) => isWithin(each, address));
    // A pool is passed over at once: it may be large.
    if (pool) n += numberOf(pool.last) - numberOf(address);
    else if (!owners.has(address)) return address;
  }
  throw new Failure('addresses-spent', { network: network.name, what: `address of ${subnet}` });
}

export const poolsOn = (state: NetworkState, network: string) =>
  state.routers
    .values()
    .flatMap(({ name, pools }) => pools.map((pool) => ({ ...pool, router: name })))
    .filter((pool) => pool.network === network)
    .toArray();

export const isWithin = ({ first, last }: { first: string; last: string }, address: string): boolean =>
  isV6(first) === isV6(address) && numberOf(first) <= numberOf(address) && numberOf(address) <= numberOf(last);

/**
 * The addresses of a port: what was asked for, and for each subnet that nothing was asked of one of its own. Of IPv6 it always has the one
 * that the guest makes itself of its MAC. On a network outside nobody is given what was not asked for.
 */
export function allotAddresses(
  state: NetworkState,
  network: SiteNetwork,
  mac: string,
  asked: readonly string[],
): string[] {
  const addresses = [...asked];
  for (const subnet of network.kind === 'outside' ? [] : network.subnets) {
    if (isV6(subnet)) addresses.push(eui64(subnet, mac));
    else if (!asked.some((address) => contains(subnet, address)))
      addresses.unshift(allotAddress(state, network, subnet));
  }
  return [...new Set(addresses)];
}
