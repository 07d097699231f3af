/** Guests that go on with another address than the one they are held to: guards let nothing from there pass. Pure. */
import { Address, contains, isV6 } from '#shared/model/address.ts';
import { type Guest, isActive } from '#shared/model/guest.ts';
import type { SiteNetwork, SitePort } from './state.ts';

/**
 * What a running guest has on a network, as far as it is known, and not what it is held to: `it has 10.9.0.2, and is held to 10.9.0.3`.
 * An address elsewhere says nothing: it may be of another interface.
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
