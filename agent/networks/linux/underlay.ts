import type { Run } from '#agent/exec/run.ts';
import type { Underlay } from '#agent/networks/driver.ts';
import { Failure } from '#shared/errors.ts';
import { isV6, split } from '#shared/model/address.ts';
import { listAddresses } from './commands.ts';
import { parseLinks } from './links.ts';

/** Where tunnels begin: at the first address of a link, IPv4 before IPv6. @throws Failure network-missing */
export async function readUnderlay(
  { run, host, link }: { run: Run; host: string; link: string },
  signal: AbortSignal,
): Promise<Underlay> {
  const found = parseLinks(await run(listAddresses(), signal)).find(({ name }) => name === link);
  if (!found) throw new Failure('network-missing', { link, host, problem: 'tunnels are to begin at it' });
  const [first] = found.addresses;
  if (first === undefined)
    throw new Failure('network-missing', { link, host, problem: 'it is there, and has no address' });
  return { link, address: split(first).address, mtu: found.mtu };
}

const PING_MS_MAX = 5_000;
/** VXLAN's own bytes with Ethernet, UDP and IP (RFC 7348 section 5), IPv4 and IPv6; and those of a ping beside what it carries. */
const TUNNEL_BYTES = { 4: 50, 6: 70 };
const PING_BYTES = { 4: 28, 6: 48 };

/** One packet as large as the tunnel's largest, which nobody on the way may cut into pieces. */
export async function reachPeer(run: Run, peer: string, mtu: number, signal: AbortSignal): Promise<string | undefined> {
  const family = isV6(peer) ? 6 : 4;
  const size = mtu + TUNNEL_BYTES[family];
  const args = ['-c', '1', '-W', '2', '-M', 'do', '-s', String(size - PING_BYTES[family]), peer];
  try {
    await run({ file: 'ping', args, timeoutMs: PING_MS_MAX }, signal);
    return undefined;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const said = /message too long[^\n]*/i.exec(String(error.details.problem ?? ''))?.[0];
    return `${peer}: ${said ?? `no answer to a packet of ${size} bytes`}`;
  }
}
