import type { AgentConfig } from './config.ts';
import { type Networking, networking } from './networks/networking.ts';
import type { Exports } from './volumes/exports.ts';
import { endLeft, type Volumes, volumesOf } from './volumes/volumes.ts';

/** What this host realises beside guests: networks, routers, and exports of volumes. */
export interface Realised extends Omit<Networking, 'reported'> {
  /** Undefined where this host has none. */
  volumes: Volumes | undefined;
  exports?: Exports;
  /** What reports tell of it. */
  reported: Networking['reported'] & { exports?: Exports };
  /** Before anything can start a guest: its port is guarded, its network there, and the root that it may take. */
  start(): Promise<void>;
}

export function realised(config: AgentConfig, deps: Parameters<typeof networking>[1]): Realised {
  const nets = networking(config, deps);
  const volumes = volumesOf(config, deps);
  const exported = volumes ? { exports: volumes.exports } : {};
  return {
    ...nets,
    ...exported,
    volumes,
    reported: { ...nets.reported, ...exported },
    start: async () => {
      await nets.keeper.start();
      if (volumes) await volumes.exports.start();
      else await endLeft(config, deps);
    },
    stop: async () => {
      await volumes?.exports.stop();
      await nets.stop();
    },
  };
}
