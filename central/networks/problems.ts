/** What does not work although every host has done its part. Pure. */
import { Address, contains, isV6 } from '#shared/model/address.ts';
import { type Guest, isActive } from '#shared/model/guest.ts';
import { addressesOf } from './entry-changes.ts';
import {
  type Destination,
  type NetworkState,
  portsOn,
  routersOn,
  type SiteNetwork,
  type SitePort,
  type SiteRouter,
} from './state.ts';

/**
 * What a running guest has on a network, as far as it is known, and not what it is held to: `it has 10.9.0.2, and is held to 10.9.0.3`.
 * Guards let nothing from there pass. An address elsewhere says nothing: it may be of another interface.
 */
export function strayOf(
  { addresses }: Pick<SitePort, 'addresses'>,
  { subnets }: Pick<SiteNetwork, 'subnets'>,
  guest: Pick<Guest, 'state' | 'addresses'>,
): string | undefined {
  if (!isActive(guest.state)) return undefined;
  for (const held of addresses) {
    if (guest.addresses.includes(held)) continue;
    const subnet = subnets.find((each) => contains(each, held));
    const found = guest.addresses.filter((address) => isV6(address) === isV6(held) && isIn(subnet, address));
    if (found.length > 0) return `it has ${found.join(' and ')}, and is held to ${held}`;
  }
  return undefined;
}

const isIn = (subnet: string | undefined, address: string): boolean =>
  subnet !== undefined && Address.safeParse(address).success && contains(subnet, address);

/** What is said of a running guest that got another address: nobody but the guest itself can take it on. */
export const heldProblem = (guest: string): string =>
  `${guest} is cut off until it asks for its address anew: guest reboot ${guest}`;

/** Of a network that guests are on, and that nobody serves. */
export function unservedOf(state: NetworkState, { name, kind, subnets }: SiteNetwork): string[] {
  if (kind === 'outside' || subnets.length === 0) return [];
  if (portsOn(state, name).length === 0 || routersOn(state, name).length > 0) return [];
  return [`no router is on ${name}: nobody tells guests their addresses (router create NAME network=${name})`];
}

/** Ways in of a router that lead to guests it does not find any more. */
export function lostWaysOf(state: NetworkState, router: SiteRouter): string[] {
  const { forwards, ingress } = state;
  const lost = (way: string, to: Destination): string[] =>
    'address' in to || addressesOf(state, router, to).length > 0
      ? []
      : [`${way} leads to ${to.guest}, which has no address here`];
  const isOwn = (entry: { router: string }): boolean => entry.router === router.name;
  return [
    ...[...forwards.values()].filter(isOwn).flatMap(({ protocol, port, to }) => lost(`${protocol} ${port}`, to)),
    ...[...ingress.values()]
      .filter(isOwn)
      .flatMap(({ name, port, servers }) => servers.flatMap((server) => lost(`${name}:${port}`, server))),
  ].sort();
}
