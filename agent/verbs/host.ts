import { release } from 'node:os';
import type { AgentConfig } from '#agent/config.ts';
import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import { examineHost } from '#agent/host/doctor.ts';
import type { HealthKeeper } from '#agent/host/health.ts';
import type { Inventory } from '#agent/inventory/inventory.ts';
import type { Probing } from '#agent/probes/probing.ts';
import { isActive } from '#shared/model/guest.ts';
import type { Host } from '#shared/model/host.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { May } from '#shared/verb/policy.ts';
import type { hostVerbs } from '#shared/verbs/host.ts';

import { probeHandler } from './probe.ts';

export interface HostDeps {
  config: AgentConfig;
  driver: HypervisorDriver;
  inventory: Inventory;
  health: HealthKeeper;
  probing: Pick<Probing, 'once'>;
  may: May;
  version: string;
  now(): number;
  /** What the server's clock says. */
  serverTimeMs(): Promise<number>;
}

export function hostHandlers(deps: HostDeps): Handlers<typeof hostVerbs> {
  return {
    'host.list': async () => [hostNow(deps)],
    'host.info': async () => hostNow(deps),
    'host.health': async ({ samples }) => deps.health.samples(samples),
    'host.probe': probeHandler(deps),
    'host.doctor': (_, { signal }) => examineHost(deps, signal),
  };
}

/** How the host is at this moment. */
export function hostNow({
  config,
  driver,
  inventory,
  version,
}: Pick<HostDeps, 'config' | 'driver' | 'inventory' | 'version'>): Host {
  const { state, host } = inventory;
  // While nothing was ever read there is nothing to count; the state says why.
  const guests = host === undefined ? [] : inventory.guests();
  return {
    name: config.host,
    state,
    guests: guests.length,
    running: guests.filter((guest) => isActive(guest.state)).length,
    cpus: host?.cpus ?? 0,
    memoryMiB: host?.memoryMiB ?? 0,
    driver: driver.kind,
    hypervisor: host?.hypervisor ?? 'not known yet',
    uri: driver.uri,
    kernel: release(),
    version,
    ...(host?.cpuModel ? { cpuModel: host.cpuModel } : {}),
  };
}
