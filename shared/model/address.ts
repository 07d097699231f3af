import { isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';

const { IPv4, IPv6, parse } = ipaddr;

const V4 = 'write four numbers from 0 to 255 with dots between them, as 10.99.0.12';
const V6 = 'write an IPv6 address with no zone, as fd00:99::c';

/** One way of writing for each address: IPv6 as RFC 5952 has it. What is no address stays as it is. */
const canonical = (text: string): string =>
  isIPv6(text) && !text.includes('%') ? IPv6.parse(text).toRFC5952String() : text;
const isPlainV6 = (text: string): boolean =>
  isIPv6(text) && !text.includes('%') && !IPv6.parse(text).isIPv4MappedAddress();

/** An IPv4 address that a machine can have. */
export const Address4 = z.string().refine(isIPv4, V4);
/** An IPv6 address that a machine can have, in RFC 5952's way of writing; no zone, none that means an IPv4 one. */
export const Address6 = z.string().refine(isPlainV6, V6).transform(canonical);
export const Address = z
  .string()
  .refine((text) => isIPv4(text) || isPlainV6(text), `${V4}; or ${V6}`)
  .transform(canonical);
export type Address = z.infer<typeof Address>;

export const isV6 = (address: string): boolean => address.includes(':');

/** An address with the length of its subnet's prefix, as `10.99.0.1/16`. */
export const Interface = z
  .string()
  .refine((text) => partsOf(text) !== undefined, 'write an address, a / and the length of the prefix, as 10.99.0.1/16')
  .transform((text) => joined(partsOf(text) as Parts));
export type Interface = z.infer<typeof Interface>;

/** A subnet, as `10.99.0.0/16` or `fd00:99::/64`: the part after the prefix is zero. */
export const Subnet = Interface.refine((text) => subnetOf(text) === text, {
  error: ({ input }) => `the part after the prefix has to be zero, as in ${subnetOf(String(input))}`,
});
export type Subnet = z.infer<typeof Subnet>;

/** A MAC address of one machine: lower case, with colons, the lowest bit of the first byte 0 (IEEE 802). */
export const Mac = z
  .string()
  .transform((text) => text.toLowerCase())
  .pipe(
    z
      .string()
      .regex(
        /^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/,
        'write six bytes with colons, the first of them even, as 52:54:00:63:00:0c',
      ),
  );
export type Mac = z.infer<typeof Mac>;

interface Parts {
  address: string;
  length: number;
}

function partsOf(text: string): Parts | undefined {
  const [, address = '', digits = ''] = /^([^/\s]+)\/(\d{1,3})$/.exec(text) ?? [];
  const length = Number(digits);
  const isWhole = isIPv4(address) ? length <= 32 : isPlainV6(address) && length <= 128;
  return isWhole && String(length) === digits ? { address: canonical(address), length } : undefined;
}

const joined = ({ address, length }: Parts): string => `${address}/${length}`;

/** The address and the length of the prefix of an Interface or a Subnet. */
export function split(text: Interface): Parts {
  const parts = partsOf(text);
  if (!parts) throw new Error(`${text} is not an address with a prefix`);
  return parts;
}

/** The subnet that an Interface is in. */
export function subnetOf(text: string): string {
  const { address, length } = split(text);
  const network = isV6(address)
    ? IPv6.networkAddressFromCIDR(`${address}/${length}`).toRFC5952String()
    : IPv4.networkAddressFromCIDR(`${address}/${length}`).toString();
  return `${network}/${length}`;
}

export function contains(subnet: Subnet, address: string): boolean {
  const { address: network, length } = split(subnet);
  return isV6(network) === isV6(address) && parse(address).match(parse(network), length);
}

/** Whether two subnets share an address. */
export function overlap(a: Subnet, b: Subnet): boolean {
  return contains(a, split(b).address) || contains(b, split(a).address);
}

/** An address as a number, to count with. */
export const numberOf = (address: string): bigint =>
  parse(address)
    .toByteArray()
    .reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);

/** The n-th address of a subnet; 0 is its first. Undefined past its last. */
export function nth(subnet: Subnet, n: bigint): string | undefined {
  const { address, length } = split(subnet);
  const bits = isV6(address) ? 128 : 32;
  if (n < 0n || n >= 1n << BigInt(bits - length)) return undefined;
  const bytes =
    (numberOf(address) + n)
      .toString(16)
      .padStart(bits / 4, '0')
      .match(/../g) ?? [];
  const octets = bytes.map((byte) => Number.parseInt(byte, 16));
  return bits === 32 ? new IPv4(octets).toString() : new IPv6(octets).toRFC5952String();
}

/** How many addresses a subnet has, its first and last ones with them. */
export function sizeOf(subnet: Subnet): bigint {
  const { address, length } = split(subnet);
  return 1n << BigInt((isV6(address) ? 128 : 32) - length);
}

/** The address that a machine with this MAC makes itself in a /64, or under fe80::/64 (RFC 4291 appendix A). */
export function eui64(subnet: Subnet, mac: Mac): string {
  const bytes = mac.split(':').map((byte) => Number.parseInt(byte, 16));
  const [first = 0, ...rest] = bytes;
  const id = [first ^ 2, ...rest.slice(0, 2), 0xff, 0xfe, ...rest.slice(2)];
  const prefix = parse(split(subnet).address).toByteArray().slice(0, 8);
  return new IPv6([...prefix, ...id]).toRFC5952String();
}

/** The length of an IPv4 prefix as a mask: `255.255.240.0` for 20. */
export const maskOf = (length: number): string =>
  [0, 8, 16, 24].map((bits) => 256 - 2 ** (8 - Math.min(8, Math.max(0, length - bits)))).join('.');
