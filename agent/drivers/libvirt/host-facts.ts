import type { DriverHost } from '#agent/drivers/driver.ts';
import { Failure } from '#shared/errors.ts';
import { kibToMib } from './guest-facts.ts';

/** What virsh printed about the host, command by command; `nodememstats` where the hypervisor has it. */
export interface HostOutput {
  nodeinfo: string;
  version: string;
  nodememstats?: string | undefined;
}

/**
 * What `virsh nodeinfo`, `virsh version` and `virsh nodememstats` print.
 *
 * Shape: `Label:   value`, a line each; `nodememstats` has blanks before the colon too.
 * Units: KiB, of memory.
 *
 * The memory is that of `nodememstats` (`MemTotal` of /proc/meminfo), where there is one. `nodeinfo` adds up the NUMA
 * cells, and in a virtual machine whose memory was plugged in later these tell of a part of it only.
 * @throws Failure host-output, naming the label that is missing
 */
export function parseHost({ nodeinfo, version, nodememstats }: HostOutput): DriverHost {
  const memory = nodememstats === undefined ? field(nodeinfo, 'Memory size') : field(nodememstats, 'total');
  return {
    cpus: numberIn(field(nodeinfo, 'CPU(s)'), 'CPU(s)'),
    memoryMiB: kibToMib(numberIn(memory, 'memory size')),
    hypervisor: `${field(version, 'Running hypervisor')}, ${field(version, 'Using library')}`,
  };
}

function field(text: string, label: string): string {
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon >= 0 && line.slice(0, colon).trim() === label) return line.slice(colon + 1).trim();
  }
  throw new Failure('host-output', { problem: `virsh printed no ${label}` });
}

function numberIn(text: string, label: string): number {
  const number = Number.parseInt(text, 10);
  if (Number.isNaN(number)) throw new Failure('host-output', { problem: `virsh printed no number as ${label}` });
  return number;
}
