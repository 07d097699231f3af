import { readFile } from 'node:fs/promises';
import type { GuestId } from '#agent/drivers/driver.ts';
import { type Heard, haltsBy, initAt, rebootsBy } from '#agent/drivers/init-signals.ts';
import { agentState } from './definition.ts';
import { checkedId, failedWith, type Ground } from './ground.ts';
import type { Request } from './hypervisor.ts';
import { missing } from './reading.ts';

/** Words for virsh, each a way to ask a guest; tried in that order. */
export async function waysToAsk(
  ground: Ground,
  id: GuestId,
  request: Request,
  signal: AbortSignal,
): Promise<readonly (readonly string[])[]> {
  checkedId(ground, id);
  const { ask } = ground.hypervisor;
  try {
    if (ask === 'init') return [...(await byInit(ground, id, request, signal)), [request, id]];
    const { agent, plain } = ask[request];
    const modes = agent.length > 0 && (await hasAgent(ground, id, signal)) ? agent : plain;
    return modes.length === 0 ? [[request, id]] : modes.map((mode) => [request, id, '--mode', mode]);
  } catch (error) {
    throw failedWith(error, 'guest-not-found') ? missing(ground, id) : error;
  }
}

const hasAgent = async (ground: Ground, id: GuestId, signal: AbortSignal): Promise<boolean> =>
  agentState(await ground.virsh.read(['dumpxml', id], signal)) === 'connected';

/** Numbers, since libvirt's names of signals for real time begin two below those of everybody else. */
const SIGNALS: Readonly<Record<Heard, number>> = { USR2: 12, TERM: 15, PWR: 30, 'RTMIN+3': 37, 'RTMIN+5': 39 };

/** By a signal to the init, where that can be seen from here; nothing where it hears none that we know. */
async function byInit(ground: Ground, id: GuestId, request: Request, signal: AbortSignal): Promise<string[][]> {
  const pid = await initPid(ground, id, signal);
  if (pid === undefined) return [];
  const init = await initAt(pid);
  const heard = request === 'shutdown' ? haltsBy(init) : rebootsBy(init);
  return heard === undefined ? [] : [['send-process-signal', id, '1', String(SIGNALS[heard])]];
}

/**
 * The first process of a container, whose id libvirt has in its controller's place.
 *
 * Where libvirtd has process ids of its own, that number is somebody else's here, or nobody's.
 */
async function initPid({ virsh, log }: Ground, id: GuestId, signal: AbortSignal): Promise<number | undefined> {
  const controller = Number((await virsh.read(['domid', id], signal)).trim());
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
