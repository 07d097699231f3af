import type { GuestId } from '#agent/drivers/driver.ts';
import { Failure } from '#shared/errors.ts';
import { askInit, killInit, waysToAsk } from './asking.ts';
import { checkedId, failedWith, type Ground } from './ground.ts';
import type { Request } from './hypervisor.ts';
import { requireLanded } from './migration/ledger.ts';
import { missing, readGuest } from './reading.ts';

/** For messages: the verb, and the state that it needs a guest to be in. */
interface Need {
  verb: string;
  needed: string;
}

/** Do something to a guest; what virsh refuses because of the guest's state says in which state the guest is. */
export async function act(
  ground: Ground,
  id: GuestId,
  need: Need,
  words: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  checkedId(ground, id);
  try {
    return await ground.virsh.slow(words, signal);
  } catch (error) {
    if (failedWith(error, 'guest-not-found')) throw missing(ground, id);
    if (!failedWith(error, 'guest-wrong-state')) throw error;
    const guest = await readGuest(ground, id, signal);
    throw new Failure('guest-wrong-state', { guest: guest.name, state: guest.state, ...need }, { cause: error });
  }
}

export async function poweroffGuest(ground: Ground, id: GuestId, signal: AbortSignal): Promise<void> {
  const isKilled = ground.hypervisor.isContainer && (await killInit(ground, id, signal));
  try {
    await act(ground, id, { verb: 'guest.poweroff', needed: 'running' }, ['destroy', id], signal);
  } catch (error) {
    // One that libvirt keeps no definition of is gone with its first process.
    if (!isKilled || !(failedWith(error, 'guest-wrong-state') || failedWith(error, 'guest-not-found'))) throw error;
  }
}

export async function suspendGuest(ground: Ground, id: GuestId, signal: AbortSignal): Promise<void> {
  await act(ground, id, { verb: 'guest.suspend', needed: 'running' }, ['suspend', id], signal);
}

export async function resumeGuest(ground: Ground, id: GuestId, signal: AbortSignal): Promise<void> {
  await requireLanded(ground, id, 'guest.resume');
  await act(ground, id, { verb: 'guest.resume', needed: 'paused' }, ['resume', id], signal);
}

export async function shutdownGuest(ground: Ground, id: GuestId, again: number, signal: AbortSignal): Promise<void> {
  await askGuest(ground, id, { verb: 'guest.shutdown', needed: 'running' }, 'shutdown', again, signal);
}

export async function rebootGuest(ground: Ground, id: GuestId, signal: AbortSignal): Promise<void> {
  await askGuest(ground, id, { verb: 'guest.reboot', needed: 'running' }, 'reboot', 1, signal);
}

/**
 * Ask the guest itself, by its hypervisor's first way; each further time by the next.
 *
 * An agent that does not answer is no reason to fail: the next way is tried at once.
 */
async function askGuest(
  ground: Ground,
  id: GuestId,
  need: Need,
  request: Request,
  again: number,
  signal: AbortSignal,
): Promise<void> {
  if (await askInit(ground, id, request, again, signal)) return;
  const ways = await waysToAsk(ground, id, request, signal);
  const first = (again - 1) % ways.length;
  const order = [...ways.slice(first), ...ways.slice(0, first)];
  for (const [index, way] of order.entries()) {
    try {
      await act(ground, id, need, way, signal);
      return;
    } catch (error) {
      if (index === order.length - 1 || !failedWith(error, 'host-command', 'host-timeout')) throw error;
      ground.log.info({ guest: id, way, err: error }, 'guest could not be asked in that way');
    }
  }
}
