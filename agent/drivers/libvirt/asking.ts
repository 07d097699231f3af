import type { GuestId } from '#agent/drivers/driver.ts';
import { haltsBy, initAt, rebootsBy } from '#agent/drivers/init-signals.ts';
import { agentState } from './definition.ts';
import { checkedId, failedWith, type Ground } from './ground.ts';
import type { Request } from './hypervisor.ts';
import { initPid } from './init-pid.ts';
import { missing } from './reading.ts';

/** Words for virsh, each a way to ask a guest; tried in that order. */
export async function waysToAsk(
  ground: Ground,
  id: GuestId,
  request: Request,
  signal: AbortSignal,
): Promise<readonly (readonly string[])[]> {
  checkedId(ground, id);
  const { agent, plain } = ground.hypervisor.ask[request];
  const modes = agent.length > 0 && (await hasAgent(ground, id, signal)) ? agent : plain;
  return modes.length === 0 ? [[request, id]] : modes.map((mode) => [request, id, '--mode', mode]);
}

async function hasAgent(ground: Ground, id: GuestId, signal: AbortSignal): Promise<boolean> {
  try {
    return agentState(await ground.virsh.read(['dumpxml', id], signal)) === 'connected';
  } catch (error) {
    throw failedWith(error, 'guest-not-found') ? missing(ground, id) : error;
  }
}

const KILL_MS_MAX = 10_000;

/**
 * Ask the init of a container by the signal that it hears; where it was asked before, that is so each second time.
 *
 * Past libvirt, which now and then does not learn who the init is, and then asks nobody.
 * @returns whether it was asked: its init can be seen from here, and hears something that we know
 */
export async function askInit(
  ground: Ground,
  id: GuestId,
  request: Request,
  again: number,
  signal: AbortSignal,
): Promise<boolean> {
  if (!ground.hypervisor.isContainer || again % 2 === 0) return false;
  const pid = await initPid(ground, id, signal);
  if (pid === undefined) return false;
  const init = await initAt(pid);
  const heard = request === 'shutdown' ? haltsBy(init) : rebootsBy(init);
  if (heard === undefined) return false;
  return sent(ground, id, pid, heard, signal);
}

/** @returns whether it could be sent from here */
async function sent(ground: Ground, id: GuestId, pid: number, name: string, signal: AbortSignal): Promise<boolean> {
  try {
    await ground.run({ file: 'kill', args: [`-${name}`, '--', String(pid)], timeoutMs: KILL_MS_MAX }, signal);
    return true;
  } catch (error) {
    if (!failedWith(error, 'host-command')) throw error;
    ground.log.debug({ guest: id, err: error }, 'the init of a container is gone, or not ours to signal');
    return false;
  }
}

/**
 * End a container with its init: libvirt's own way is to ask all of its processes first, and to wait for almost two seconds.
 *
 * @returns whether that could be done from here
 */
export async function killInit(ground: Ground, id: GuestId, signal: AbortSignal): Promise<boolean> {
  const pid = await initPid(ground, id, signal);
  return pid !== undefined && sent(ground, id, pid, 'KILL', signal);
}
