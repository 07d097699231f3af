import ipaddr from 'ipaddr.js';
import { isV6 } from '#shared/model/address.ts';

/** Ethernet frames, as a guest that means ill could send them. All go to everybody, and hold a name by which they are known again. */

const bytesOf = (address: string): Buffer => Buffer.from(ipaddr.parse(address).toByteArray());
const macBytes = (mac: string): Buffer => Buffer.from(mac.replaceAll(':', ''), 'hex');
const u16 = (n: number): Buffer => Buffer.from([n >> 8, n & 255]);
const named = (name: string): Buffer => Buffer.from(`#${name}#`.padEnd(32));

/** RFC 1071 */
function checksum(head: Buffer): number {
  let sum = 0;
  for (let at = 0; at < head.length; at += 2) sum += head.readUInt16BE(at);
  return ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
}

const ethernet = (mac: string, type: number, payload: Buffer): Buffer =>
  Buffer.concat([Buffer.alloc(6, 0xff), macBytes(mac), u16(type), payload]);

function ip(mac: string, source: string, protocol: number, payload: Buffer): Buffer {
  if (isV6(source)) {
    const head = Buffer.concat([Buffer.from([0x60, 0, 0, 0]), u16(payload.length), Buffer.from([protocol, 255])]);
    return ethernet(mac, 0x86dd, Buffer.concat([head, bytesOf(source), bytesOf('ff02::1'), payload]));
  }
  const head = Buffer.concat([
    ...[Buffer.from([0x45, 0]), u16(20 + payload.length), Buffer.from([0, 0, 0, 0, 64, protocol, 0, 0])],
    ...[bytesOf(source), bytesOf('255.255.255.255')],
  ]);
  // A host that filters bridged frames as IP drops those whose head is not right, before anybody judges them.
  head.writeUInt16BE(checksum(head), 10);
  return ethernet(mac, 0x0800, Buffer.concat([head, payload]));
}

export const udp = (name: string, mac: string, source: string, from = 4000, to = 4000): Buffer =>
  ip(mac, source, 17, Buffer.concat([u16(from), u16(to), u16(8 + 32), u16(0), named(name)]));

/** @param operation 1 asks, 2 answers */
export const arp = (name: string, mac: string, sender: { mac: string; address: string }, operation = 1): Buffer =>
  ethernet(
    mac,
    0x0806,
    Buffer.concat([
      ...[u16(1), u16(0x0800), Buffer.from([6, 4]), u16(operation)],
      ...[macBytes(sender.mac), bytesOf(sender.address), Buffer.alloc(6), bytesOf('10.9.0.77'), named(name)],
    ]),
  );

/** @param type 134 a router's advertisement, 135 a solicitation of a neighbour, 136 an advertisement of one */
export const icmp6 = (name: string, mac: string, source: string, type: number, target: string): Buffer =>
  ip(mac, source, 58, Buffer.concat([Buffer.from([type, 0, 0, 0, 0, 0, 0, 0]), bytesOf(target), named(name)]));

/** The same frame inside a VLAN tag. */
export const tagged = (frame: Buffer): Buffer =>
  Buffer.concat([frame.subarray(0, 12), u16(0x8100), u16(5), frame.subarray(12)]);
