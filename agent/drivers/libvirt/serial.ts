import { childrenOf, type Element, elementAt, parseXml, rootOf } from './xml.ts';

/** Where the first serial console of a running guest can be reached, and what the hypervisor keeps of it. */
export interface SerialPlace {
  type: 'pty' | 'unix';
  path: string;
  /** A file with all that the guest has said. */
  log: string | undefined;
}

/**
 * The first serial console in a running guest's definition; where it has none, its first console of another kind.
 *
 * A UNIX socket counts where QEMU made it (`bind`); into one that QEMU connects to somebody else listens already.
 * Source: https://libvirt.org/formatdomain.html, "Consoles, serial, parallel & channel devices"
 */
export function serialOf(xml: string): SerialPlace | undefined {
  const devices = elementAt(rootOf(parseXml(xml, 'domain')), 'devices');
  if (!devices) return undefined;
  const first = childrenOf(devices, 'serial')[0] ?? childrenOf(devices, 'console')[0];
  return first && placeOf(first);
}

function placeOf(device: Element): SerialPlace | undefined {
  const type = device.getAttribute('type');
  const source = elementAt(device, 'source');
  const path = source?.getAttribute('path') || device.getAttribute('tty');
  const log = elementAt(device, 'log')?.getAttribute('file') || undefined;
  if (!path) return undefined;
  if (type === 'pty') return { type, path, log };
  return type === 'unix' && source?.getAttribute('mode') === 'bind' ? { type, path, log } : undefined;
}

/** The file that keeps what the first serial console shows, also while the guest is off. */
export function consoleLogOf(xml: string): string | undefined {
  const devices = elementAt(rootOf(parseXml(xml, 'domain')), 'devices');
  const first = devices && (childrenOf(devices, 'serial')[0] ?? childrenOf(devices, 'console')[0]);
  return (first && elementAt(first, 'log')?.getAttribute('file')) || undefined;
}

/** Whether a definition has a serial console that can be read once the guest runs, also while it is off. */
export function hasSerial(xml: string): boolean {
  const devices = elementAt(rootOf(parseXml(xml, 'domain')), 'devices');
  const [first] = devices ? [...childrenOf(devices, 'serial'), ...childrenOf(devices, 'console')] : [];
  if (first?.getAttribute('type') === 'pty') return true;
  return first?.getAttribute('type') === 'unix' && elementAt(first, 'source')?.getAttribute('mode') !== 'connect';
}
