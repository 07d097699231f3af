import type { GuestId } from '#agent/drivers/driver.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import type { BootParameter } from '#shared/model/boot-parameter.ts';
import { ACTIVE, act, type Need, zoneIn } from './acting.ts';
import { bootZone, haltZone, readyZone, rebootZone, shutdownZone } from './commands.ts';
import type { Ground } from './ground.ts';
import { sweepLinks } from './leaving.ts';
import { settleLinks } from './settling.ts';
import type { Zone } from './zone-list.ts';

const START: Need = { verb: 'guest.start', states: ['installed'] };
const RESUME: Need = { verb: 'guest.resume', states: ['ready'], needed: 'paused' };
const POWEROFF: Need = { verb: 'guest.poweroff', states: ACTIVE, needed: 'on' };
const SHUTDOWN: Need = { verb: 'guest.shutdown', states: ['running', 'shutting_down'], needed: 'running' };
const REBOOT: Need = { verb: 'guest.reboot', states: ['running'] };

/** @throws Failure guest-params where it is to be told something: a zone takes nothing */
export async function startGuest(
  ground: Ground,
  id: GuestId,
  { paused, params = [] }: { paused: boolean; params?: readonly BootParameter[] },
  signal: AbortSignal,
): Promise<void> {
  const zone = await zoneIn(ground, id, START, signal);
  if (params.length > 0)
    throw new Failure('guest-params', { guest: zone.name, problem: 'a zone has no kernel of its own that takes them' });
  await ground.inTurn(zone.name, async () => {
    await settleLinks(ground, zone.name, signal);
    await act(ground, zone, START, paused ? readyZone(zone.name) : bootZone(zone.name), signal);
  });
}

/** Let the processes begin of a zone that was started without them. */
export async function resumeGuest(ground: Ground, id: GuestId, signal: AbortSignal): Promise<void> {
  const zone = await zoneIn(ground, id, RESUME, signal);
  await ground.inTurn(zone.name, () => act(ground, zone, RESUME, bootZone(zone.name), signal));
}

export async function poweroffGuest(ground: Ground, id: GuestId, signal: AbortSignal): Promise<void> {
  const zone = await zoneIn(ground, id, POWEROFF, signal);
  // Not in turn: a zone that hangs in its shutdown is forced off.
  await act(ground, zone, POWEROFF, haltZone(zone.name), signal);
  await ground.inTurn(zone.name, () => sweepLinks(ground, zone.name, signal));
}

/** By the zone's own scripts, which may take long: it has begun again when this resolves. */
export async function rebootGuest(ground: Ground, id: GuestId, signal: AbortSignal): Promise<void> {
  const zone = await zoneIn(ground, id, REBOOT, signal);
  await act(ground, zone, REBOOT, rebootZone(zone.name), signal);
}

/** A refusal comes in this time; what takes longer was asked. */
const REFUSED_MS = 1_000;

/** Ask zones to shut down. `zoneadm shutdown` waits until the zone is off, and who asks does not. */
export function shutdowns(ground: Ground): {
  ask(id: GuestId, signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
} {
  const asked = new Map<string, Promise<void>>();
  const stopped = new AbortController();
  const begin = (zone: Zone): Promise<void> => {
    const ended = act(ground, zone, SHUTDOWN, shutdownZone(zone.name), stopped.signal).finally(() =>
      asked.delete(zone.name),
    );
    ended.catch((error: unknown) => {
      if (!stopped.signal.aborted)
        ground.log.warn({ guest: zone.name, problem: messageOf(error) }, 'zone did not shut down');
    });
    asked.set(zone.name, ended);
    return ended;
  };
  return {
    ask: async (id, signal) => {
      const zone = await zoneIn(ground, id, SHUTDOWN, signal);
      if (asked.has(zone.name) || zone.state === 'shutting_down') return;
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, REFUSED_MS);
      try {
        await Promise.race([begin(zone), late.promise]);
      } finally {
        clearTimeout(timer);
      }
    },
    stop: async () => {
      stopped.abort(new Error('the driver closes'));
      await Promise.allSettled(asked.values());
    },
  };
}
