import type { Run } from '#agent/exec/run.ts';
import type { Underlay } from '#agent/networks/driver.ts';
import { Failure } from '#shared/errors.ts';
import { split } from '#shared/model/address.ts';
import { listAddresses, parseAddresses } from './links.ts';

/** Where tunnels begin: at the first address of a link, IPv4 before IPv6. @throws Failure network-missing */
export async function readUnderlay(
  { run, host, link }: { run: Run; host: string; link: string },
  signal: AbortSignal,
): Promise<Underlay> {
  const found = parseAddresses(await run(listAddresses(), signal)).find(({ name }) => name === link);
  if (!found) throw new Failure('network-missing', { link, host, problem: 'tunnels are to begin at it' });
  const [first] = found.addresses;
  if (first === undefined)
    throw new Failure('network-missing', { link, host, problem: 'it is there, and has no address' });
  return { link, address: split(first).address, mtu: found.mtu };
}
