import type { DriverGuest, GuestId } from '#agent/drivers/driver.ts';
import { Failure } from '#shared/errors.ts';
import type { GuestStats } from '#shared/model/guest.ts';
import { ROUTER } from './brands.ts';
import { readFigures } from './commands.ts';
import { isAbsentZone } from './failures.ts';
import { figuresOf } from './figures.ts';
import { type Ground, missing, readZones, zoneOf } from './ground.ts';
import { guestOf } from './guest-facts.ts';
import { GUEST_STATE } from './states.ts';
import { attributeOf } from './zone-config.ts';
import type { Zone } from './zone-list.ts';

/** So many zonecfg at once: more would only take the host's CPUs from its zones. */
const AT_ONCE = 8;

export async function listGuests(ground: Ground, signal: AbortSignal): Promise<DriverGuest[]> {
  const zones = await visible(ground, await readZones(ground, signal));
  const guests: DriverGuest[] = [];
  for (let at = 0; at < zones.length; at += AT_ONCE) {
    const some = await Promise.all(zones.slice(at, at + AT_ONCE).map((zone) => unlessBad(ground, zone, signal)));
    guests.push(...some.filter((guest) => guest !== undefined));
  }
  return guests;
}

/** @throws Failure guest-not-found */
export async function readGuest(ground: Ground, id: GuestId, signal: AbortSignal): Promise<DriverGuest> {
  const guest = await guestOfZone(ground, await zoneOf(ground, id, signal), signal);
  if (!guest) throw missing(ground, id);
  return guest;
}

/** Zones that are being made are none yet. */
export async function visible(ground: Pick<Ground, 'ledger'>, zones: readonly Zone[]): Promise<Zone[]> {
  const making = new Set((await ground.ledger.all()).filter(({ phase }) => phase === 'making').map(({ zone }) => zone));
  return zones.filter(({ name }) => !making.has(name));
}

/** One bad zone does not keep others from being listed. */
async function unlessBad(ground: Ground, zone: Zone, signal: AbortSignal): Promise<DriverGuest | undefined> {
  try {
    return await guestOfZone(ground, zone, signal);
  } catch (error) {
    signal.throwIfAborted();
    ground.log.warn({ guest: zone.name, err: error }, 'zone cannot be read, and is left out');
    return undefined;
  }
}

/** Undefined for a zone that has gone meanwhile, and for one that is part of a network. */
async function guestOfZone(ground: Ground, zone: Zone, signal: AbortSignal): Promise<DriverGuest | undefined> {
  try {
    const { config } = await ground.configs.read(zone.name, signal);
    if (attributeOf(config, ROUTER) !== undefined) return undefined;
    const entry = await ground.ledger.read(zone.name);
    return guestOf(zone, config, await ground.readHost(signal), entry?.booted);
  } catch (error) {
    if (isAbsentZone(error)) return undefined;
    throw error;
  }
}

/** Its definition, with its name in it: `zonecfg export` has all else. @throws Failure guest-not-found */
export async function readDefinition(ground: Ground, id: GuestId, signal: AbortSignal): Promise<string> {
  const { name } = await zoneOf(ground, id, signal);
  const { text } = await ground.configs.read(name, signal);
  return text.replace(/^(create\b.*\n)/, `$1set zonename=${name}\n`);
}

/** @throws Failure guest-not-found */
export async function readStats(ground: Ground, id: GuestId, signal: AbortSignal): Promise<GuestStats> {
  const { name, state, number } = await zoneOf(ground, id, signal);
  const base = { name, state: GUEST_STATE[state] };
  if (state !== 'running' || number === undefined) return base;
  const text = await ground.run(readFigures(number), signal).catch((error: unknown) => {
    if (isNothingMatched(error)) return ''; // it has just gone
    throw error;
  });
  return { ...base, ...figuresOf(text) };
}

/** Source: kstat(8), "EXIT STATUS" */
const isNothingMatched = (error: unknown): boolean =>
  error instanceof Failure && error.code === 'host-command' && error.details.exitCode === 1;
