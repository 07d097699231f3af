import type { AgentConfig } from './config.ts';
import type { HypervisorDriver } from './drivers/driver.ts';
import { migrationAddress } from './migration/place.ts';
import { type Receiving, receiving } from './migration/receiving.ts';
import { type Networking, networking } from './networks/networking.ts';
import type { Exports } from './volumes/exports.ts';
import { endLeft, type Volumes, volumesOf } from './volumes/volumes.ts';

/** What this host realises beside guests: networks, routers, exports of volumes, and ways in for guests of other hosts. */
export interface Realised extends Omit<Networking, 'reported'> {
  /** Undefined where this host has none. */
  volumes: Volumes | undefined;
  exports?: Exports;
  receiving: Receiving;
  /** What reports tell of it. */
  reported: Networking['reported'] & { exports?: Exports };
  /** Before anything can start a guest: its port is guarded, its network there, and the root that it may take. */
  start(): Promise<void>;
}

export function realised(
  config: AgentConfig,
  { driver, ...deps }: Parameters<typeof networking>[1] & { driver: HypervisorDriver },
): Realised {
  const nets = networking(config, deps);
  const volumes = volumesOf(config, deps);
  const exported = volumes ? { exports: volumes.exports } : {};
  const { host, migration } = config;
  const awaited = receiving({
    ...{ driver, host, ports: migration.ports, log: deps.log },
    address: () => migrationAddress(config, nets.keeper),
  });
  return {
    ...nets,
    receiving: awaited,
    ...exported,
    volumes,
    reported: { ...nets.reported, ...exported },
    start: async () => {
      await nets.keeper.start();
      if (volumes) await volumes.exports.start();
      else await endLeft(config, deps);
    },
    stop: async () => {
      awaited.stop();
      await volumes?.exports.stop();
      await nets.stop();
    },
  };
}
