import type { Hypervisor } from '../hypervisor.ts';
import { el, type Sketch, sayable } from '../xml.ts';

/** A machine whose kernel has died starts again, as those in racks do; one that was told to go off stays off. */
export const MACHINE: readonly Sketch[] = [
  el('features', {}, el('acpi'), el('apic')),
  el('clock', { offset: 'utc' }),
  el('on_poweroff', {}, 'destroy'),
  el('on_reboot', {}, 'restart'),
  el('on_crash', {}, 'restart'),
];

/** What `virsh` changes in a guest that runs, where its hypervisor can. */
export const LIVE = {
  vcpus: (id, change) => ['setvcpus', id, '--live', '--count', String(change.vcpus)],
  memoryMiB: (id, change) => ['setmem', id, '--live', '--size', `${change.memoryMiB}MiB`],
  title: (id, change) => ['desc', id, '--live', '--title', '--new-desc', sayable(change.title ?? '')],
} as const satisfies Hypervisor['live'];
