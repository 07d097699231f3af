import { join } from 'node:path';
import type { AgentConfig } from '#agent/config.ts';
import type { Run } from '#agent/exec/run.ts';
import type { NetworkDriver } from './driver.ts';
import { failpoint } from './failpoint.ts';
import { fakeNetworks } from './fake/driver.ts';
import { fakeNetworkWorld } from './fake/world.ts';
import { linuxNetworks } from './linux/driver.ts';
import { unroutable } from './linux/unroutable.ts';
import { noNetworks } from './none.ts';

/** The driver of networks that the configuration names. */
export function networkDriverFor({ networks, state, host }: AgentConfig, { run }: { run: Run }): NetworkDriver {
  const { driver, underlay } = networks;
  if (driver === 'none') return noNetworks(host);
  if (driver === 'fake') {
    const world = fakeNetworkWorld({ stateFile: join(state, 'fake-networks.json') });
    return fakeNetworks({
      ...{ world, host },
      ...(underlay ? { underlay: { link: underlay, address: '192.0.2.1', mtu: 1500 } } : {}),
    });
  }
  return linuxNetworks({
    ...{ run, host, folder: join(state, 'networks'), routers: unroutable(host) },
    ...(underlay ? { underlay } : {}),
    failpoint: failpoint(process.env.SKERRY_FAILPOINT),
  });
}
