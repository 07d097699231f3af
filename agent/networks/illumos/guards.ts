import { colonRows } from '#agent/illumos/colon-fields.ts';
import { illumosLink } from '#agent/illumos/link-names.ts';
import { listProtection, setLinkProperties } from '#agent/illumos/links.ts';
import { type HostPort, portLinkOf } from '#shared/model/network.ts';
import { readVnics, type StubTools } from './stubs.ts';

/** No other MAC, no other address, no answers of a DHCP server, and nothing but IP and ARP. Source: dladm(8), "protection" */
const PROTECTION = ['mac-nospoof', 'restricted', 'ip-nospoof', 'dhcp-nospoof'];
const OF_MAC = ['mac-nospoof', 'restricted'];

/**
 * Hold each guest's vnic to its MAC and addresses; one with no addresses, to its MAC alone. What is so already is not set again.
 *
 * A vnic that comes later is guarded when this is called again.
 */
export async function guardVnics(tools: StubTools, ports: readonly HostPort[], signal: AbortSignal): Promise<void> {
  if (ports.length === 0) return;
  const there = new Set((await readVnics(tools, signal)).map(({ link }) => link));
  const found = parseProtection(await tools.run(listProtection(), signal));
  for (const { mac, addresses } of ports) {
    const link = illumosLink(portLinkOf(mac));
    const wanted: Record<string, readonly string[]> = {
      protection: addresses.length === 0 ? OF_MAC : PROTECTION,
      ...(addresses.length === 0 ? {} : { 'allowed-ips': addresses }),
    };
    const isSo = Object.entries(wanted).every(
      ([name, values]) => sorted(found.get(`${link} ${name}`)) === sorted(values),
    );
    if (there.has(link) && !isSo) await tools.run(setLinkProperties(link, wanted), signal);
  }
}

const sorted = (values: readonly string[] = []): string => values.toSorted().join();

/**
 * What `listProtection` prints, by `LINK PROPERTY`.
 *
 * Shape: `LINK:PROPERTY:VALUE,VALUE`, a line a property; colons of IPv6 addresses are escaped; `--` is none
 * @throws Failure host-output
 * Source: dladm(8)
 */
export const parseProtection = (stdout: string): Map<string, string[]> =>
  new Map(
    colonRows({ command: 'dladm show-linkprop' }, ['link', 'property', 'value'], stdout).map((row) => [
      `${row.link} ${row.property}`,
      row.value === '--' || row.value === '' ? [] : row.value.split(','),
    ]),
  );
