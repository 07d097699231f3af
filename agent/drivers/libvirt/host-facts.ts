import type { DriverHost } from '#agent/drivers/driver.ts';
import { Failure } from '#shared/errors.ts';
import { kibToMib } from './guest-facts.ts';

/**
 * What `virsh nodeinfo` and `virsh version` print.
 *
 * Shape: `Label:   value`, a line each.
 * Units: KiB, in `Memory size`.
 * @throws Failure host-output, naming the label that is missing
 */
export function parseHost(nodeinfo: string, version: string): DriverHost {
  const field = (text: string, label: string): string => {
    const line = text.split('\n').find((one) => one.startsWith(`${label}:`));
    if (line === undefined) throw new Failure('host-output', { problem: `virsh printed no ${label}` });
    return line.slice(label.length + 1).trim();
  };
  return {
    cpus: Number.parseInt(field(nodeinfo, 'CPU(s)'), 10),
    memoryMiB: kibToMib(Number.parseInt(field(nodeinfo, 'Memory size'), 10)),
    hypervisor: `${field(version, 'Running hypervisor')}, ${field(version, 'Using library')}`,
  };
}
