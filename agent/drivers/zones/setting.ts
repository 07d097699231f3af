import type { GuestChange, GuestChanged, GuestId } from '#agent/drivers/driver.ts';
import { ACTIVE } from './acting.ts';
import { brandIn } from './brands.ts';
import { capCpus, capMemory, readCpuCap } from './commands.ts';
import { replaced, withProperty } from './config-change.ts';
import { emptyEntry } from './entries.ts';
import { plainly } from './failures.ts';
import { type Ground, zoneOf } from './ground.ts';
import { limitsOf, TITLE, titleText } from './guest-facts.ts';
import { reconfigure } from './reconfiguring.ts';
import { limits } from './short-form.ts';
import { attribute, type Resource, settingOf, type ZoneConfig } from './zone-config.ts';
import { late } from './zone-links.ts';
import type { Zone } from './zone-list.ts';

/** Kinds of resources, and names of attributes and controls, that say how much a zone may use. */
const CPUS = { kinds: ['capped-cpu', 'dedicated-cpu'], attribute: 'vcpus', control: 'zone.cpu-cap' };
const MEMORY = { kinds: ['capped-memory'], attribute: 'ram', control: '' };

export const setAutostart = async (ground: Ground, id: GuestId, enabled: boolean, signal: AbortSignal): Promise<void> =>
  reconfigure(
    ground,
    await zoneOf(ground, id, signal),
    (config) => withProperty(config, 'autoboot', String(enabled)),
    signal,
  );

/** Caps hold at once, also of a zone that runs; what a machine is booted with, from its next start. */
export async function setGuest(
  ground: Ground,
  id: GuestId,
  change: GuestChange,
  signal: AbortSignal,
): Promise<GuestChanged[]> {
  const settings = (['vcpus', 'memoryMiB', 'title'] as const).filter((key) => change[key] !== undefined);
  const zone = await zoneOf(ground, id, signal);
  if (settings.length === 0) return [];
  const { config } = await ground.configs.read(zone.name, signal);
  const host = await ground.readHost(signal);
  const isBooted = ACTIVE.includes(zone.state) && brandIn(config).limits === 'attributes';
  if (isBooted) await keepBooted(ground, zone, limitsOf(config, host));
  await reconfigure(ground, zone, (before) => changed(before, change, limitsOf(before, host)), signal);
  if (!isBooted && ACTIVE.includes(zone.state))
    await capNow(ground, zone, change, signal).catch(async (error: unknown) => {
      await reconfigure(ground, zone, () => config, late());
      throw error;
    });
  return settings.map((setting) => ({
    setting,
    value: String(change[setting]),
    holds: isBooted && setting !== 'title' ? 'from the next start' : 'now',
  }));
}

/** What it runs with until it is off. */
async function keepBooted(ground: Ground, zone: Zone, booted: ReturnType<typeof limitsOf>): Promise<void> {
  await ground.inTurn(zone.name, async () => {
    const entry = (await ground.ledger.read(zone.name)) ?? emptyEntry(zone.name);
    if (!entry.booted) await ground.ledger.write({ ...entry, booted });
  });
}

function changed(before: ZoneConfig, change: GuestChange, now: ReturnType<typeof limitsOf>): ZoneConfig {
  const wanted = limits(brandIn(before), { ...now, ...definedOf(change) });
  const isAttribute = (each: Resource, name: string): boolean =>
    each.kind === 'attr' && settingOf(each, 'name') === name;
  const put = (config: ZoneConfig, of: typeof CPUS): ZoneConfig => {
    const goes = (each: Resource): boolean =>
      of.kinds.includes(each.kind) ||
      isAttribute(each, of.attribute) ||
      (each.kind === 'rctl' && settingOf(each, 'name') === of.control);
    return replaced(config, goes, wanted.filter(goes));
  };
  let config = before;
  if (change.vcpus !== undefined) config = put(config, CPUS);
  if (change.memoryMiB !== undefined) config = put(config, MEMORY);
  if (change.title === undefined) return config;
  const titles = change.title === '' ? [] : [attribute(TITLE, titleText(change.title))];
  return replaced(config, (each) => isAttribute(each, TITLE), titles);
}

const definedOf = ({ vcpus, memoryMiB }: GuestChange): { vcpus?: number; memoryMiB?: number } => ({
  ...(vcpus === undefined ? {} : { vcpus }),
  ...(memoryMiB === undefined ? {} : { memoryMiB }),
});

/** The same of the zone that runs. Source: prctl(1), rcapadm(8) */
async function capNow(
  ground: Ground,
  { name }: Zone,
  { vcpus, memoryMiB }: GuestChange,
  signal: AbortSignal,
): Promise<void> {
  try {
    if (vcpus !== undefined) {
      const caps = await ground.run(readCpuCap(name), signal);
      await ground.run(capCpus(name, vcpus, hasCap(caps) ? '-r' : '-s'), signal);
    }
    if (memoryMiB !== undefined) await ground.run(capMemory(name, memoryMiB), signal);
  } catch (error) {
    throw plainly(error);
  }
}

/**
 * Whether a zone has a CPU cap of its own.
 *
 * Shape: `zone.cpu-cap privileged 200 - deny -`, a line a value, after lines that are none
 * Source: prctl(1) `-P`
 */
export const hasCap = (stdout: string): boolean => /^zone\.cpu-cap\s+privileged\s/m.test(stdout);
