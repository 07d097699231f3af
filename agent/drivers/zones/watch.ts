import type { GuestEvent, GuestEventListener, Watch } from '#agent/drivers/driver.ts';
import { messageOf } from '#shared/errors.ts';
import { type Ground, readZones } from './ground.ts';
import { visible } from './reading.ts';
import { GUEST_STATE } from './states.ts';
import type { Zone } from './zone-list.ts';

// Responsibilities: tell of changes of zones, whoever made them.
//
// Theory of operation: illumos tells programs of zones by a channel of the kernel's that is private to it and that no tool prints, so this looks: one
// `zoneadm list` every two seconds for all watchers, and at once after a change of our own. What differs from the look before is told. A change of a
// configuration is seen by the file that zonecfg writes.
//
// What can go wrong: a zone that goes off and comes back between two looks has another number in the kernel, and is told as stopped and
// started. A look that fails breaks the watch; who watches begins again.

interface Seen {
  zone: Zone;
  stamp: string | undefined;
}
type Look = ReadonlyMap<string, Seen>;

async function look(ground: Ground, signal: AbortSignal): Promise<Look> {
  const zones = await visible(ground, await readZones(ground, signal));
  const seen = await Promise.all(
    zones.map(async (zone) => [zone.id, { zone, stamp: await ground.configs.stampOf(zone.name) }] as const),
  );
  return new Map(seen);
}

/** What happened between two looks. */
export function eventsBetween(before: Look, after: Look): GuestEvent[] {
  const events: GuestEvent[] = [];
  const tell = ({ id, name }: Zone, what: GuestEvent['what'], rest: Partial<GuestEvent> = {}): void =>
    void events.push({ name, id, what, ...rest });
  for (const { zone } of before.values())
    if (!after.has(zone.id)) {
      if (GUEST_STATE[zone.state] !== 'shutoff') tell(zone, 'stopped', { state: 'shutoff' });
      tell(zone, 'undefined');
    }
  for (const { zone, stamp } of after.values()) {
    const was = before.get(zone.id);
    if (!was) tell(zone, 'defined');
    else if (was.stamp !== stamp || was.zone.name !== zone.name) tell(zone, 'defined', { detail: 'Updated' });
    for (const event of stateEvents(was?.zone, zone)) events.push(event);
  }
  return events;
}

function stateEvents(was: Zone | undefined, { id, name, state, number }: Zone): GuestEvent[] {
  const before = was ? GUEST_STATE[was.state] : 'shutoff';
  const now = GUEST_STATE[state];
  const isAnother = was?.number !== undefined && number !== undefined && was.number !== number;
  const event = (what: GuestEvent['what'], to: GuestEvent['state'] = now): GuestEvent => ({
    ...{ name, id, what, detail: state },
    ...(to ? { state: to } : {}),
  });
  if (isAnother) return [event('stopped', 'shutoff'), event('started')];
  if (before === now) return was && was.state !== state ? [event('changed')] : [];
  if (now === 'shutoff') return [event('stopped')];
  if (now === 'shutdown') return [event('shutdown')];
  if (now === 'paused') return [event('suspended')];
  return [event(before === 'paused' ? 'resumed' : 'started')];
}

export interface Watching {
  watch(listener: GuestEventListener, onBreak: (problem: Error) => void, signal: AbortSignal): Promise<Watch>;
  /** Something was changed: look now. */
  stir(): void;
  stop(): Promise<void>;
}

/** @param everyMs how long a change by others may go unnoticed */
export function watching(groundOf: () => Ground, everyMs: number): Watching {
  const stops = new Set<() => Promise<void>>();
  const wakes = new Set<() => void>();
  return {
    stir: () => {
      for (const wake of [...wakes]) wake();
    },
    stop: async () => {
      await Promise.all(Array.from(stops, (stop) => stop()));
    },
    watch: async (listener, onBreak, signal) => {
      const ground = groundOf();
      const first = await look(ground, signal);
      const ended = new AbortController();
      const loop = looking(ground, first, { listener, everyMs, ended: ended.signal, wakes }).catch((error: unknown) => {
        if (!ended.signal.aborted) onBreak(error instanceof Error ? error : new Error(messageOf(error)));
      });
      const stop = async (): Promise<void> => {
        stops.delete(stop);
        ended.abort(new Error('the watch is stopped'));
        await loop;
      };
      stops.add(stop);
      return { stop };
    },
  };
}

interface Looking {
  listener: GuestEventListener;
  everyMs: number;
  ended: AbortSignal;
  wakes: Set<() => void>;
}

async function looking(ground: Ground, first: Look, { listener, everyMs, ended, wakes }: Looking): Promise<void> {
  let known = first;
  let isStirred = false;
  let wake = (): void => {};
  const stir = (): void => {
    isStirred = true;
    wake();
  };
  wakes.add(stir);
  ended.addEventListener('abort', stir, { once: true });
  try {
    while (!ended.aborted) {
      if (!isStirred) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        const timer = setTimeout(resolve, everyMs);
        await promise;
        clearTimeout(timer);
      }
      isStirred = false;
      if (ended.aborted) return;
      const now = await look(ground, ended);
      for (const event of eventsBetween(known, now)) listener(event);
      known = now;
    }
  } finally {
    wakes.delete(stir);
  }
}
