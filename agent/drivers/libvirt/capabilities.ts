import { childrenOf, elementAt, parseXml, rootOf } from './xml.ts';

/** What a host's libvirt says that it can do. */
export interface Capabilities {
  /** The host's own CPU architecture, in libvirt's word. */
  arch: string;
  cpuModel: string | undefined;
  /** Types that a domain of the host's architecture may have: `kvm`, `qemu`, `xen`, `lxc`, `test`. */
  domainTypes: ReadonlySet<string>;
}

/**
 * What `virsh capabilities` prints.
 *
 * @throws Failure guest-definition where it is no XML
 * Source: https://libvirt.org/formatcaps.html; recorded in test/fixtures/virsh/capabilities-*.txt
 */
export function parseCapabilities(stdout: string): Capabilities {
  const root = rootOf(parseXml(stdout, 'capabilities'));
  const arch = elementAt(root, 'host', 'cpu', 'arch')?.textContent ?? '';
  const arches = childrenOf(root, 'guest').flatMap((guest) => childrenOf(guest, 'arch'));
  const own = arches.filter((one) => one.getAttribute('name') === arch);
  const types = own.flatMap((one) => [...childrenOf(one, 'domain'), ...childrenOf(one, 'machine')]);
  return {
    arch,
    cpuModel: elementAt(root, 'host', 'cpu', 'model')?.textContent ?? undefined,
    domainTypes: new Set(types.flatMap((one) => one.getAttribute('type') ?? [])),
  };
}
