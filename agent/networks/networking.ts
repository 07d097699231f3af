import type { AgentConfig } from '#agent/config.ts';
import type { Run } from '#agent/exec/run.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { networkDriverFor } from './choice.ts';
import type { NetworkDriver } from './driver.ts';
import { type NetworkKeeper, type NetworkKeeperDeps, networkKeeper } from './keeper.ts';
import { takeNetworks } from './serve.ts';

/** Networks and routers of this host. */
export interface Networking {
  networks: NetworkDriver;
  keeper: NetworkKeeper;
  /** What reports tell of it: nothing where this host realises none. */
  reported: { networks?: NetworkKeeper };
  serve(entity: Pick<Entity, 'serve'>, central: string): void;
  stop(): Promise<void>;
}

export function networking(
  config: AgentConfig,
  { run, ...deps }: Omit<NetworkKeeperDeps, 'driver'> & { run: Run },
): Networking {
  const networks = networkDriverFor(config, { run });
  const keeper = networkKeeper({ driver: networks, ...deps });
  return {
    networks,
    keeper,
    reported: networks.kind === 'none' ? {} : { networks: keeper },
    serve: (entity, central) => takeNetworks(entity, { central, keeper }),
    stop: async () => {
      await keeper.stop();
      await networks.close();
    },
  };
}
