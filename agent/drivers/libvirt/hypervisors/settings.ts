import type { Hypervisor } from '../hypervisor.ts';
import { sayable } from '../xml.ts';

/** What `virsh` changes in a guest that runs, where its hypervisor can. */
export const LIVE = {
  vcpus: (id, change) => ['setvcpus', id, '--live', '--count', String(change.vcpus)],
  memoryMiB: (id, change) => ['setmem', id, '--live', '--size', `${change.memoryMiB}MiB`],
  title: (id, change) => ['desc', id, '--live', '--title', '--new-desc', sayable(change.title ?? '')],
} as const satisfies Hypervisor['live'];
