import type { GuestId } from '#agent/drivers/driver.ts';
import type { Command } from '#agent/exec/run.ts';
import { Failure } from '#shared/errors.ts';
import { codeOfRefusal, isAbsentZone, plainly } from './failures.ts';
import { type Ground, missing, zoneOf } from './ground.ts';
import { stateOf } from './states.ts';
import type { Zone, ZoneState } from './zone-list.ts';

/** For messages: the verb, and the states of a zone in which it can be done. */
export interface Need {
  verb: string;
  states: readonly ZoneState[];
  /** In words, where the states alone would say little. */
  needed?: string;
}

export const ACTIVE: readonly ZoneState[] = ['ready', 'running', 'shutting_down', 'down'];

/**
 * A zone in one of these states.
 *
 * @throws Failure guest-not-found, guest-wrong-state
 */
export async function zoneIn(ground: Ground, id: GuestId, need: Need, signal: AbortSignal): Promise<Zone> {
  const zone = await zoneOf(ground, id, signal);
  if (!need.states.includes(zone.state)) throw wrongState(zone, need);
  return zone;
}

export const wrongState = ({ name, state }: Zone, { verb, states, needed }: Need, cause?: unknown): Failure =>
  new Failure(
    'guest-wrong-state',
    { guest: name, state: stateOf(state).reason ?? stateOf(state).state, needed: needed ?? states.join(' or '), verb },
    { cause },
  );

/** Have something done to a zone; a refusal because of its state says in which state it is now. */
export async function act(
  ground: Ground,
  zone: Zone,
  need: Need,
  command: Command,
  signal: AbortSignal,
): Promise<void> {
  try {
    await ground.run(command, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (isAbsentZone(error)) throw missing(ground, zone.name);
    if (codeOfRefusal(error) !== 'guest-wrong-state') throw plainly(error);
    throw wrongState(await zoneOf(ground, zone.id, signal), need, error);
  } finally {
    ground.changed();
  }
}
