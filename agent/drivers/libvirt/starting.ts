import type { GuestId } from '#agent/drivers/driver.ts';
import { Failure } from '#shared/errors.ts';
import type { BootParameter } from '#shared/model/boot-parameter.ts';
import { isRunning, withParameters } from './boot-parameters.ts';
import { dumpxml, storeDefinition } from './defining.ts';
import { parseDefinition } from './definition.ts';
import type { Ground } from './ground.ts';
import { act } from './power.ts';
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
  await handOver(ground, id, params, signal);
  const words = ['start', id, ...(paused ? ['--paused'] : [])];
  await act(ground, id, { verb: 'guest.start', needed: 'shutoff' }, words, signal);
}

/** The definition is written only where the parameters are others; that of a guest that runs is left alone. */
async function handOver(
  ground: Ground,
  id: GuestId,
  params: readonly BootParameter[],
  signal: AbortSignal,
): Promise<void> {
  const text = await dumpxml(ground, id, ['--security-info'], signal);
  if (isRunning(text)) return;
  if (ground.hypervisor.needsRoot) requireRoot(text);
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
