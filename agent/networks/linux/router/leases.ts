import { Failure } from '#shared/errors.ts';
import { isV6, numberOf } from '#shared/model/address.ts';
import type { RouterPlan } from './plan.ts';

/** A line of dnsmasq's lease file. */
export interface LeaseLine {
  address: string;
  /** As the client's identifier shows it; an IPv6 client may hide it. */
  mac?: string;
  name?: string;
  /** Seconds since 1970; undefined for ever. */
  untilS?: number;
}

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;

/**
 * Read the lease file of dnsmasq 2.90.
 *
 * A line each: `expiry mac address name client-id`, expiry in s since 1970 and 0 for ever, `*` for what is not known. After a line
 * `duid HEX` they are of DHCPv6: `expiry iaid address name duid`; a DUID of the types 1 and 3 ends with the client's MAC (RFC 8415 11).
 * dnsmasq writes it anew in its place: a last line without an end is not read.
 * @throws Failure host-output
 */
export function parseLeases(text: string): LeaseLine[] {
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('duid '))
    .map(leaseOf);
}

function leaseOf(line: string): LeaseLine {
  const [expiry = '', id = '', address = '', name = '', client = ''] = line.split(' ');
  if (!/^\d+$/.test(expiry) || client === '')
    throw new Failure('host-output', { problem: `${JSON.stringify(line.slice(0, 200))} is no lease` });
  const mac = isV6(address) ? macIn(client) : id;
  return {
    address,
    ...(mac !== undefined && MAC.test(mac) ? { mac } : {}),
    ...(name === '*' ? {} : { name }),
    ...(expiry === '0' ? {} : { untilS: Number(expiry) }),
  };
}

/** The MAC in a DUID of the types 1 (with a time) and 3 (without), where the hardware is Ethernet. */
const macIn = (duid: string): string | undefined =>
  /^00:01:00:01:(?:[0-9a-f]{2}:){4}((?:[0-9a-f]{2}:){5}[0-9a-f]{2})$|^00:03:00:01:((?:[0-9a-f]{2}:){5}[0-9a-f]{2})$/
    .exec(duid)
    ?.slice(1)
    .find((mac) => mac !== undefined);

/**
 * Addresses that somebody has a lease of, and that are not to be had by him any more: dnsmasq would give them to nobody else for hours,
 * and go on telling their names.
 */
export function staleLeases(leases: readonly LeaseLine[], { router: { hosts, pools } }: RouterPlan): string[] {
  const isDue = ({ address, mac }: LeaseLine): boolean =>
    hosts.some((host) => host.addresses.includes(address) && (mac === undefined || host.mac === mac)) ||
    pools.some(({ first, last }) => isV6(first) === isV6(address) && isBetween(address, first, last));
  return leases.filter((lease) => !isDue(lease)).map(({ address }) => address);
}

const isBetween = (address: string, first: string, last: string): boolean =>
  numberOf(first) <= numberOf(address) && numberOf(address) <= numberOf(last);
