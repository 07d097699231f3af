import { join, resolve } from 'node:path';
import type { Logger } from 'pino';
import type { AgentConfig } from '#agent/config.ts';
import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import { fakeDriver } from '#agent/drivers/fake/driver.ts';
import { fakeWorld } from '#agent/drivers/fake/world.ts';
import { libvirtDriver } from '#agent/drivers/libvirt/driver.ts';
import { severalDrivers } from '#agent/drivers/several.ts';
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
  const { uri, consoleFolder, diskFolder, name } = driver;
  // A driver makes a folder of its kind in it: two of one kind have two.
  const stateFolder = name === undefined ? state : join(state, 'drivers', name);
  return libvirtDriver({ ...shared, uri, log, stateFolder, diskFolder, ...(consoleFolder ? { consoleFolder } : {}) });
}
