import { mkdir, mkdtemp, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DriverGuest, GuestChange, GuestChanged, GuestId } from '#agent/drivers/driver.ts';
import { Failure } from '#shared/errors.ts';
import { isActive } from '#shared/model/guest.ts';
import { checkedConfig, configText, settingOf, type ZoneConfig } from './config-text.ts';
import { configFile, consoleLog, type Ground, startLog, tool, zoneFolder } from './ground.ts';
import { type LimitWritten, limitsOf, MIB, memoryLimit, swapLimit, vcpuLimit, withLimit } from './limits.ts';
import { errorsIn } from './output.ts';
import { textFrom, zoneIn } from './power.ts';
import { readConfig, readGuest, readZone } from './reading.ts';
import { folderMode, inRootTurn, inStartTurn } from './roots.ts';
import { forgetSnapshots } from './snapshots.ts';
import { guestState } from './states.ts';
import { definitionText, nameIn, withAutostart, withTitle } from './zone-config.ts';
import { AGAIN } from './zone-index.ts';

/** Define a zone, or change the definition of one, which stays the same zone. */
export async function defineGuest(
  ground: Ground,
  text: string,
  replace: boolean,
  signal: AbortSignal,
): Promise<DriverGuest> {
  signal.throwIfAborted();
  const config = checkedConfig(text);
  const name = nameIn(config);
  if (settingOf(config, 'lxc.rootfs.path') === undefined && settingOf(config, 'lxc.include') === undefined)
    throw new Failure('guest-definition', { problem: 'it names no root (lxc.rootfs.path)' });
  await checkByLxc(ground, name, config, signal);
  await ground.inTurn(name, async () => {
    const isThere = (await ground.zones.idOf(name)) !== undefined;
    if (isThere && !replace) throw new Failure('guest-exists', { guest: name, host: ground.host });
    if (!isThere) {
      await forgetSnapshots(ground, name, []);
      await ground.zones.renew(name);
    }
    await storeConfig(ground, name, config);
  });
  return readGuest(ground, (await ground.zones.idOf(name)) ?? '', signal);
}

/** LXC itself reads it, in a folder of its own, before it takes the place of what is there. */
async function checkByLxc(ground: Ground, name: string, config: ZoneConfig, signal: AbortSignal): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'skerry-lxc-'));
  const log = join(folder, 'log');
  try {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, 'config'), configText(config), { mode: 0o600 });
    await ground.run(tool({ folder }, 'lxc-info', name, '-c', 'lxc.uts.name', '-o', log, '-l', 'ERROR'), signal);
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'host-command') throw error;
    const [why = String(error.details.problem)] = errorsIn(await textFrom(log, 0));
    throw new Failure('guest-definition', { problem: `LXC does not read it: ${why}` }, { cause: error });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Whole, or not at all, also where the power fails. Only root reads it: a definition may hold passwords. */
async function storeConfig(ground: Ground, name: string, config: ZoneConfig): Promise<void> {
  await mkdir(zoneFolder(ground, name), { recursive: true, mode: folderMode(config) });
  const file = configFile(ground, name);
  await writeFile(`${file}.new`, configText(config), { mode: 0o600, flush: true });
  await rename(`${file}.new`, file);
}

/** Change what a configuration says; nothing is written where it says so already. */
export async function changeConfig(
  ground: Ground,
  name: string,
  edit: (config: ZoneConfig) => ZoneConfig,
): Promise<void> {
  await ground.inTurn(name, async () => {
    const config = await readConfig(ground, name);
    const edited = edit(config);
    if (configText(edited) !== configText(config)) await storeConfig(ground, name, edited);
  });
}

export async function readDefinition(ground: Ground, id: GuestId): Promise<string> {
  const name = await ground.zones.nameOf(id);
  return definitionText(name, await readConfig(ground, name));
}

/** Remove a zone that is off, with its snapshots and its logs; its root stays, in its folder too. */
export async function deleteGuest(ground: Ground, id: GuestId, signal: AbortSignal): Promise<void> {
  const name = await ground.zones.nameOf(id);
  await inRootTurn(ground, id, signal, () =>
    inStartTurn(ground, name, async () => {
      const { config } = await zoneIn(ground, id, 'guest.delete', ['shutoff'], signal);
      await ground.inTurn(name, () => removeZone(ground, name, config));
    }),
  );
}

async function removeZone(ground: Ground, name: string, config: ZoneConfig): Promise<void> {
  await rm(configFile(ground, name), { force: true });
  await rm(join(zoneFolder(ground, name), AGAIN), { force: true });
  for (const log of [startLog(ground, name), consoleLog(ground, name), `${consoleLog(ground, name)}.1`])
    await rm(log, { force: true });
  await forgetSnapshots(ground, name, config);
  await rmdir(zoneFolder(ground, name)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'ENOENT') throw error;
  });
}

export async function setAutostart(ground: Ground, id: GuestId, enabled: boolean, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await changeConfig(ground, await ground.zones.nameOf(id), (config) => withAutostart(config, enabled));
}

/** Change settings: in the configuration, all at once; and in the zone that runs, each where it can be. */
export async function setGuest(
  ground: Ground,
  id: GuestId,
  change: GuestChange,
  signal: AbortSignal,
): Promise<GuestChanged[]> {
  const { name, now } = await readZone(ground, id, signal);
  const { title } = change;
  const titled = (config: ZoneConfig): ZoneConfig => (title === undefined ? config : withTitle(config, title));
  let limits: ReturnType<typeof limitsFor> = [];
  await changeConfig(ground, name, (config) => {
    limits = limitsFor(change, ground, config);
    return limits.flatMap(([, written]) => written).reduce(withLimit, titled(config));
  });
  const changed: GuestChanged[] = [];
  for (const [setting, written] of limits) {
    const isNow = !isActive(guestState(now.state)) || (await setLive(ground, name, written, signal));
    changed.push({ setting, value: `${change[setting]}`, holds: isNow ? 'now' : 'from the next start' });
  }
  return title === undefined ? changed : [...changed, { setting: 'title', value: title, holds: 'now' }];
}

/** What is written for each setting, in the order in which a zone that runs takes it. */
function limitsFor(
  { memoryMiB, vcpus }: GuestChange,
  { cgroups }: Ground,
  config: ZoneConfig,
): ['vcpus' | 'memoryMiB', LimitWritten[]][] {
  const limits: ReturnType<typeof limitsFor> = [];
  if (vcpus !== undefined) limits.push(['vcpus', [vcpuLimit(vcpus, cgroups)]]);
  if (memoryMiB === undefined) return limits;
  const memory = memoryLimit(memoryMiB, cgroups);
  const swap = swapLimit(memoryMiB, cgroups, config);
  // Of the two, version 1 takes neither where memory alone would have more than memory and swap together.
  const isMore = memoryMiB * MIB > (limitsOf(config, cgroups).memoryBytes ?? Number.POSITIVE_INFINITY);
  limits.push(['memoryMiB', swap === undefined ? [memory] : isMore ? [swap, memory] : [memory, swap]]);
  return limits;
}

/** Whether the zone that runs took all of it: memory that it uses at the moment may not be taken from it. */
async function setLive(
  ground: Ground,
  name: string,
  written: readonly LimitWritten[],
  signal: AbortSignal,
): Promise<boolean> {
  for (const { file, value } of written)
    try {
      await ground.run(tool(ground, 'lxc-cgroup', name, file, value), signal);
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'host-command') throw error;
      ground.log.info({ guest: name, file, err: error }, 'the running zone did not take the limit');
      return false;
    }
  return true;
}
