import { readFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { meaningful } from '#agent/drivers/addresses.ts';
import type { DriverGuest, DriverHost, GuestId } from '#agent/drivers/driver.ts';
import { isMissing } from '#agent/files/folder.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { type GuestStats, isActive } from '#shared/model/guest.ts';
import { liveLimits } from './cgroups.ts';
import { configOf, type ZoneConfig } from './config-text.ts';
import { configFile, type Ground, missing, tool } from './ground.ts';
import { type Limits, limitsOf, MIB } from './limits.ts';
import { countedBytes } from './links.ts';
import { parseList, parseNow, parseUse, type ZoneNow } from './output.ts';
import { guestState } from './states.ts';
import { autostartIn, titleIn } from './zone-config.ts';

/** A zone: its configuration, and how it is now. */
export interface Zone {
  id: GuestId;
  name: string;
  config: ZoneConfig;
  now: ZoneNow;
}

const LIST_MS_MAX = 30_000;
const OFF: ZoneNow = { state: 'STOPPED' };

export async function readZone(ground: Ground, id: GuestId, signal: AbortSignal): Promise<Zone> {
  signal.throwIfAborted();
  const name = await ground.zones.nameOf(id);
  const config = await readConfig(ground, name);
  return { id, name, config, now: await readNow(ground, name, signal) };
}

export const readNow = async (ground: Ground, name: string, signal: AbortSignal): Promise<ZoneNow> =>
  parseNow(await ground.run(tool(ground, 'lxc-info', name, '-s', '-p', '-H'), signal));

/** @throws Failure guest-not-found */
export async function readConfig(ground: Ground, name: string): Promise<ZoneConfig> {
  try {
    return configOf(await readFile(configFile(ground, name), 'utf8'));
  } catch (error) {
    if (isMissing(error)) throw missing(ground, name);
    throw new Failure('host-command', { problem: messageOf(error) }, { cause: error });
  }
}

export const readGuest = async (ground: Ground, id: GuestId, signal: AbortSignal): Promise<DriverGuest> =>
  guestOf(ground, await readZone(ground, id, signal), hostSize());

/** One question about all zones that are on, which is much sooner answered than one about all; what each one is its configuration tells. */
export async function listGuests(ground: Ground, signal: AbortSignal): Promise<DriverGuest[]> {
  signal.throwIfAborted();
  const args = ['-P', ground.folder, '--active', '-f', '-F', 'STATE,PID,NAME'];
  const [zones, stdout] = await Promise.all([
    ground.zones.list(),
    ground.run({ file: 'lxc-ls', args, timeoutMs: LIST_MS_MAX }, signal),
  ]);
  const states = parseList(stdout);
  const size = hostSize();
  const guests = await Promise.all(
    zones.map((zone) => listed(ground, zone, states.get(zone.name.trimEnd()) ?? OFF, size)),
  );
  return guests.filter((guest) => guest !== undefined);
}

/** One that went meanwhile is left out; one that cannot be read as well, and the log says so. */
async function listed(
  ground: Ground,
  { id, name }: { id: GuestId; name: string },
  now: ZoneNow,
  size: Required<Limits>,
): Promise<DriverGuest | undefined> {
  try {
    const config = await readConfig(ground, name);
    return await guestOf(ground, { id, name, config, now }, size);
  } catch (error) {
    if (!(error instanceof Failure) || !['guest-not-found', 'host-command', 'host-output'].includes(error.code))
      throw error;
    if (error.code !== 'guest-not-found')
      ground.log.warn({ guest: name, err: error }, 'zone cannot be read and is left out');
    return undefined;
  }
}

/** What a zone without limits has. Node works it out anew at each call, from several files. */
const hostSize = (): Required<Limits> => ({ vcpus: availableParallelism(), memoryBytes: totalmem() });

async function guestOf(ground: Ground, { id, name, config, now }: Zone, size: Required<Limits>): Promise<DriverGuest> {
  const { memoryBytes, vcpus } = await limitsNow(ground, name, config, now);
  const title = titleIn(config);
  return {
    id,
    name,
    state: guestState(now.state),
    vcpus: vcpus ?? size.vcpus,
    memoryMiB: Math.round((memoryBytes ?? size.memoryBytes) / MIB),
    autostart: autostartIn(config),
    persistent: true,
    driver: 'lxc',
    ...(title === undefined ? {} : { title }),
  };
}

/** What runs has the limits that it was given last; what is off, those of its configuration. Without one it has what the host has. */
async function limitsNow(ground: Ground, name: string, config: ZoneConfig, { state, pid }: ZoneNow): Promise<Limits> {
  const live =
    pid === undefined || !isActive(guestState(state))
      ? undefined
      : await liveLimits(pid, name, ground.cgroups).catch(() => undefined); // it has ended meanwhile
  return live ?? limitsOf(config, ground.cgroups);
}

export async function readHost(ground: Ground, signal: AbortSignal): Promise<DriverHost> {
  const version = await ground.run({ file: 'lxc-info', args: ['--version'], timeoutMs: LIST_MS_MAX }, signal);
  return { cpus: availableParallelism(), memoryMiB: Math.round(totalmem() / MIB), hypervisor: `LXC ${version.trim()}` };
}

export async function readStats(ground: Ground, id: GuestId, signal: AbortSignal): Promise<GuestStats> {
  const { name, config, now } = await readZone(ground, id, signal);
  const state = guestState(now.state);
  if (!isActive(state) || now.pid === undefined) return { name, state };
  const [use, limits, net] = await Promise.all([
    ground.run(tool(ground, 'lxc-info', name, '-S', '-H'), signal).then(parseUse),
    limitsNow(ground, name, config, now),
    countedBytes(ground, now.pid, signal),
  ]);
  const { cpuTimeS, memoryBytes } = use;
  return {
    name,
    state,
    ...(cpuTimeS === undefined ? {} : { cpuTimeS }),
    memoryActualMiB: Math.round((limits.memoryBytes ?? totalmem()) / MIB),
    ...(memoryBytes === undefined ? {} : { memoryRssMiB: Math.round(memoryBytes / MIB) }),
    ...net,
  };
}

/** Addresses of the zone's interfaces; none while it is off. Asked of the kernel, so that a frozen zone answers too. */
export async function readAddresses(ground: Ground, id: GuestId, signal: AbortSignal): Promise<string[]> {
  const { name, now } = await readZone(ground, id, signal);
  if (!isActive(guestState(now.state))) return [];
  return meaningful((await ground.run(tool(ground, 'lxc-info', name, '-i', '-H'), signal)).split('\n'));
}
