import type { GuestId } from '#agent/drivers/driver.ts';
import { Failure } from '#shared/errors.ts';
import type { BootParameter } from '#shared/model/boot-parameter.ts';
import { isRunning, withParameters } from './boot-parameters.ts';
import { dumpxml, storeDefinition } from './defining.ts';
import { parseDefinition } from './definition.ts';
import type { Ground } from './ground.ts';
import { act } from './power.ts';

/** Start a guest with these boot parameters, which take the place of those of the start before. */
export async function startGuest(
  ground: Ground,
  id: GuestId,
  paused: boolean,
  params: readonly BootParameter[],
  signal: AbortSignal,
): Promise<void> {
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
  const changed = withParameters(text, params, { hasFwCfg: ground.hypervisor.hasFwCfg === true });
  if (changed === undefined) return;
  if ('problem' in changed)
    throw new Failure('guest-params', { guest: parseDefinition(text).name, problem: changed.problem });
  await storeDefinition(ground, parseDefinition(changed.text), signal);
}
