import { Failure } from '#shared/errors.ts';
import type { Hypervisor } from './hypervisor.ts';
import { lxc } from './hypervisors/lxc.ts';
import { qemu } from './hypervisors/qemu.ts';
import { test } from './hypervisors/test.ts';
import { xen } from './hypervisors/xen.ts';

/** By the scheme of a connection URI. */
const HYPERVISORS: Readonly<Record<string, Hypervisor>> = { qemu, test, xen, lxc };

/**
 * What is wrong with a connection URI; undefined: nothing.
 *
 * `test:///` without a transport would keep its guests inside each virsh process, so that no two commands see the same
 * ones; a libvirtd carries it for all (`test+unix:///default?socket=…`).
 */
export function uriProblem(uri: string): string | undefined {
  const { scheme, transport } = partsOf(uri);
  if (!Object.hasOwn(HYPERVISORS, scheme))
    return `"${uri}" is not one of ${Object.keys(HYPERVISORS).join(', ')} followed by ://`;
  if (scheme === 'test' && transport === undefined)
    return `"${uri}" keeps its guests in each process; let a libvirtd carry it: test+unix:///default?socket=PATH`;
  return undefined;
}

/** The row for a connection URI. @throws Failure config-invalid */
export function hypervisorOf(uri: string): Hypervisor {
  const problem = uriProblem(uri);
  const row = HYPERVISORS[partsOf(uri).scheme];
  if (problem === undefined && row) return row;
  throw new Failure('config-invalid', { file: 'hypervisor uri', problem: problem ?? `"${uri}" is unknown` });
}

function partsOf(uri: string): { scheme: string; transport: string | undefined } {
  const [, scheme = '', transport] = /^([a-z]+)(?:\+([a-z0-9]+))?:\/\//.exec(uri) ?? [];
  return { scheme, transport };
}
