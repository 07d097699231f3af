import type { GuestId } from '#agent/drivers/driver.ts';
import { Failure } from '#shared/errors.ts';
import type { BootParameter } from '#shared/model/boot-parameter.ts';
import { isRunning, withParameters } from './boot-parameters.ts';
import { finishLinks } from './container-links.ts';
import { dumpxml, storeDefinition } from './defining.ts';
import { parseDefinition } from './definition.ts';
import type { Ground } from './ground.ts';
import { knowsInit } from './init-pid.ts';
import { act, poweroffGuest } from './power.ts';
import { childrenOf, elementAt, parseXml, rootOf } from './xml.ts';

/** Start a guest with these boot parameters, which take the place of those of the start before. */
export async function startGuest(
  ground: Ground,
  id: GuestId,
  paused: boolean,
  params: readonly BootParameter[],
  signal: AbortSignal,
): Promise<void> {
  if (paused && !ground.hypervisor.startsPaused)
    throw new Failure('verb-unsupported', {
      driver: 'libvirt',
      host: ground.host,
      verb: 'guest.start with paused',
    });
  await ground.inTurn(id, () => handOver(ground, id, params, signal));
  const words = ['start', id, ...(paused ? ['--paused'] : [])];
  const start = () => act(ground, id, { verb: 'guest.start', needed: 'shutoff' }, words, signal);
  if (ground.hypervisor.isContainer) await startContainer(ground, id, start, signal);
  else await start();
}

/** How often a container is started whose first process libvirt does not learn of. */
const STARTS_MAX = 3;

/** Nobody has been told that it runs: one that is of no use is started anew. @throws Failure host-command */
async function startContainer(
  ground: Ground,
  id: GuestId,
  start: () => Promise<string>,
  signal: AbortSignal,
): Promise<void> {
  for (let count = 1; count <= STARTS_MAX; count++) {
    await start();
    if (await knowsInit(ground, id, signal)) return finishStarted(ground, id, signal);
    ground.log.warn({ guest: id, count }, 'libvirt did not learn of the first process of a container; it is ended');
    await poweroffGuest(ground, id, signal);
  }
  throw new Failure('host-command', { problem: 'libvirt did not learn of its first process, and it was ended' });
}

/** It runs, whatever its links are. */
async function finishStarted(ground: Ground, id: GuestId, signal: AbortSignal): Promise<void> {
  try {
    await finishLinks(ground, id, signal);
  } catch (error) {
    ground.log.warn({ guest: id, err: error }, 'a container runs, and its links are not as its definition says');
  }
}

/** The definition is written only where the parameters are others; that of a guest that runs is left alone. Nobody else may change it meanwhile. */
async function handOver(
  ground: Ground,
  id: GuestId,
  params: readonly BootParameter[],
  signal: AbortSignal,
): Promise<void> {
  const text = await dumpxml(ground, id, ['--security-info'], signal);
  if (isRunning(text)) return;
  if (ground.hypervisor.isContainer) requireRoot(text);
  const changed = withParameters(text, params, ground.hypervisor.parameters);
  if (changed === undefined) return;
  if ('problem' in changed)
    throw new Failure('guest-params', { guest: parseDefinition(text).name, problem: changed.problem });
  await storeDefinition(ground, parseDefinition(changed.text), signal);
}

/** @throws Failure host-command */
function requireRoot(text: string): void {
  const devices = elementAt(rootOf(parseXml(text, 'domain')), 'devices');
  const targets = devices ? childrenOf(devices, 'filesystem').map((each) => elementAt(each, 'target')) : [];
  if (targets.some((target) => target?.getAttribute('dir') === '/')) return;
  const name = parseDefinition(text).name;
  throw new Failure('host-command', { problem: `${name} has no file system for /: it would run on the host's own` });
}
