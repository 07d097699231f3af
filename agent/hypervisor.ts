import { join, resolve } from 'node:path';
import type { Logger } from 'pino';
import type { AgentConfig } from '#agent/config.ts';
import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import { fakeDriver } from '#agent/drivers/fake/driver.ts';
import { fakeWorld } from '#agent/drivers/fake/world.ts';
import { libvirtDriver } from '#agent/drivers/libvirt/driver.ts';
import { lxcDriver } from '#agent/drivers/lxc/driver.ts';
import { severalDrivers } from '#agent/drivers/several.ts';
import { zonesDriver } from '#agent/drivers/zones/driver.ts';
import { run } from '#agent/exec/run.ts';
import { type DriverConfig, nameOfDriver } from './driver-config.ts';

/** The driver that the configuration names; several of them are one for those who use it. */
export async function driverFor(config: AgentConfig, log: Logger): Promise<HypervisorDriver> {
  const named = await Promise.all(
    config.drivers.map(async (driver) => [nameOfDriver(driver), await oneDriver(driver, config, log)] as const),
  );
  const [[name, only] = [], ...others] = named;
  if (only && name === only.kind && others.length === 0) return only;
  return severalDrivers(new Map(named), config.host);
}

async function oneDriver(driver: DriverConfig, { state, host }: AgentConfig, log: Logger): Promise<HypervisorDriver> {
  const { imageFolder: images } = driver;
  const shared = { host, ...(images === undefined ? {} : { images }) };
  if (driver.kind === 'fake') {
    const { guests, bootMs, shutdownMs, changeMs, stateFile } = driver;
    const world = fakeWorld({
      guests,
      bootMs,
      shutdownMs,
      ...(stateFile ? { stateFile: resolve(state, stateFile) } : {}),
    });
    return fakeDriver({ ...shared, world, changeMs });
  }
  if (driver.kind === 'lxc') {
    const { folder, logFolder, unprivileged, usersFrom } = driver;
    const idmap = unprivileged ? { first: usersFrom, count: 65_536 } : undefined;
    return lxcDriver({ ...shared, run, log, folder, logFolder, idmap });
  }
  // A driver makes a folder of its kind in it: two of one kind have two.
  const stateFolder = driver.name === undefined ? state : join(state, 'drivers', driver.name);
  if (driver.kind === 'zones') {
    const { zonesFolder, packageCache, terminal } = driver;
    return zonesDriver({ ...shared, log, stateFolder, zonesFolder, packageCache, ...(terminal ? { terminal } : {}) });
  }
  const { uri, consoleFolder, diskFolder } = driver;
  const folders = { ...(consoleFolder ? { consoleFolder } : {}), ...(diskFolder ? { diskFolder } : {}) };
  return libvirtDriver({ ...shared, ...folders, uri, log, stateFolder });
}
