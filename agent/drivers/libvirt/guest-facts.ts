import type { DriverGuest } from '#agent/drivers/driver.ts';
import { Failure } from '#shared/errors.ts';
import type { StateAndReason } from './states.ts';

/** Facts of one guest that `dominfo` tells. */
export type GuestFacts = Omit<DriverGuest, 'state' | 'reason' | 'title' | 'driver'>;

export const kibToMib = (kib: number): number => Math.round(kib / 1024);

/**
 * What `virsh dominfo` prints of one guest.
 *
 * Shape: `Label:   value`, a line each; of the labels only ours are read.
 * Units: KiB, in `Used memory`.
 * @throws Failure host-output, naming the label that is missing
 * Source: virsh(1); recorded in test/fixtures/virsh/dominfo-*.txt
 */
export function parseDominfo(stdout: string): GuestFacts {
  const rows = new Map<string, string>();
  for (const line of stdout.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0 && !rows.has(line.slice(0, colon))) rows.set(line.slice(0, colon), line.slice(colon + 1));
  }
  const field = (label: string): string => {
    const value = rows.get(label);
    if (value === undefined) throw new Failure('host-output', { problem: `virsh dominfo printed no ${label}` });
    return value.trim();
  };
  const number = (label: string): number => {
    const value = Number.parseInt(field(label), 10);
    if (Number.isNaN(value)) {
      throw new Failure('host-output', { problem: `virsh dominfo printed ${label}: ${field(label)}` });
    }
    return value;
  };
  return {
    id: field('UUID'),
    name: nameIn(rows.get('Name') ?? field('Name')),
    vcpus: number('CPU(s)'),
    memoryMiB: kibToMib(number(rows.has('Used memory') ? 'Used memory' : 'Max memory')),
    autostart: field('Autostart') === 'enable',
    persistent: field('Persistent') === 'yes',
  };
}

/** Labels stand in a column of 16; a name may begin and end with blanks of its own. */
const nameIn = (value: string): string => value.slice('                '.length - 'Name:'.length);

/** All that is known of one guest. An empty title is none, and blanks around one are not told. */
export function guestOf(facts: GuestFacts, { state, reason }: StateAndReason, title: string): DriverGuest {
  const shown = title.trim();
  return {
    id: facts.id,
    name: facts.name,
    state,
    ...(reason === undefined ? {} : { reason }),
    vcpus: facts.vcpus,
    memoryMiB: facts.memoryMiB,
    autostart: facts.autostart,
    persistent: facts.persistent,
    driver: 'libvirt',
    ...(shown === '' ? {} : { title: shown }),
  };
}

/** CPU time in `virsh dominfo`, where it has one. Shape: `CPU time: 12.3s`. */
export const cpuTimeIn = (dominfo: string): number | undefined => {
  const seconds = /^CPU time:\s+([\d.]+)s$/m.exec(dominfo)?.[1];
  return seconds === undefined ? undefined : Number(seconds);
};

/** What a guest uses at the moment, where the hypervisor tells that as its memory. Shape: `Used memory: 1234 KiB`. */
export const usedMemoryIn = (dominfo: string): number | undefined => {
  const kib = /^Used memory:\s+(\d+) KiB$/m.exec(dominfo)?.[1];
  return kib === undefined ? undefined : kibToMib(Number(kib));
};
