import { resolve } from 'node:path';
import type { Logger } from 'pino';
import type { AgentConfig } from '#agent/config.ts';
import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import { fakeDriver } from '#agent/drivers/fake/driver.ts';
import { fakeWorld } from '#agent/drivers/fake/world.ts';
import { libvirtDriver } from '#agent/drivers/libvirt/driver.ts';

/** The driver that the configuration names. */
export async function driverFor({ driver, state, host }: AgentConfig, log: Logger): Promise<HypervisorDriver> {
  if (driver.kind === 'fake') {
    const { guests, bootMs, shutdownMs, changeMs, stateFile } = driver;
    const world = fakeWorld({
      guests,
      bootMs,
      shutdownMs,
      ...(stateFile ? { stateFile: resolve(state, stateFile) } : {}),
    });
    return fakeDriver({ world, host, changeMs });
  }
  const { uri, consoleFolder } = driver;
  return libvirtDriver({ uri, log, stateFolder: state, host, ...(consoleFolder ? { consoleFolder } : {}) });
}
