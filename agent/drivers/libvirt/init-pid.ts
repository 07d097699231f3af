import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { GuestId } from '#agent/drivers/driver.ts';
import { checkedId, failedWith, type Ground } from './ground.ts';

/**
 * The first process of a container, whose id libvirt has in its controller's place.
 *
 * Where libvirtd has process ids of its own, that number is somebody else's here, or nobody's.
 */
export async function initPid(ground: Ground, id: GuestId, signal: AbortSignal): Promise<number | undefined> {
  const { virsh, log } = ground;
  const controller = Number((await virsh.read(['domid', checkedId(ground, id)], signal)).trim());
  if (!Number.isInteger(controller)) return undefined; // it is off, as will be said
  try {
    const name = await readFile(`/proc/${controller}/comm`, 'utf8');
    const children = await readFile(`/proc/${controller}/task/${controller}/children`, 'utf8');
    const [first] = children.trim().split(' ');
    if (name.trim() === 'libvirt_lxc' && first) return Number(first);
  } catch (error) {
    log.debug({ guest: id, err: error }, 'the init of a container cannot be seen');
  }
  return undefined;
}

const NOT_KNOWN = /Init pid is not yet available/;
const KNOWN_MS_MAX = 1_000;
const LOOK_AGAIN_MS = 20;

/**
 * Whether libvirt knows the first process of a container that it has just started.
 *
 * It is told so by a message, some milliseconds later. libvirt (9.0) now and then loses that, and never knows it then: nobody gets into
 * such a container, it takes no interface, and libvirt asks it nothing.
 */
export async function knowsInit({ virsh }: Ground, id: GuestId, signal: AbortSignal): Promise<boolean> {
  for (const end = performance.now() + KNOWN_MS_MAX; ; await pause(LOOK_AGAIN_MS, undefined, { signal })) {
    try {
      await virsh.read(['dominfo', id], signal);
      return true;
    } catch (error) {
      if (!failedWith(error, 'host-command') || !NOT_KNOWN.test(String(error.details.problem))) throw error;
      if (performance.now() > end) return false;
    }
  }
}
