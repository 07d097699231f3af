import { Failure } from '#shared/errors.ts';
import type { Hypervisor } from './hypervisor.ts';
import { lxc } from './hypervisors/lxc.ts';
import { qemu } from './hypervisors/qemu.ts';
import { test } from './hypervisors/test.ts';
import { xen } from './hypervisors/xen.ts';

/** By the scheme of a connection URI. */
const HYPERVISORS: Readonly<Record<string, Hypervisor>> = { qemu, test, xen, lxc };

/**
 * The row for a connection URI.
 *
 * `test:///` without a transport would keep its guests inside each virsh process, so that no two commands see the same
 * ones; a libvirtd carries it for all (`test+unix:///default?socket=…`).
 * @throws Failure config-invalid
 */
export function hypervisorOf(uri: string): Hypervisor {
  const [, scheme = '', transport] = /^([a-z]+)(?:\+([a-z0-9]+))?:\/\//.exec(uri) ?? [];
  const row = Object.hasOwn(HYPERVISORS, scheme) ? HYPERVISORS[scheme] : undefined;
  if (!row) {
    throw new Failure('config-invalid', {
      file: 'hypervisor uri',
      problem: `"${uri}" is not one of ${Object.keys(HYPERVISORS).join(', ')} followed by ://`,
    });
  }
  if (scheme === 'test' && transport === undefined) {
    throw new Failure('config-invalid', {
      file: 'hypervisor uri',
      problem: `"${uri}" keeps its guests in each process; let a libvirtd carry it: test+unix:///default?socket=PATH`,
    });
  }
  return row;
}
