import { join } from 'node:path';
import type { Logger } from 'pino';
import type { AgentConfig } from '#agent/config.ts';
import type { Run } from '#agent/exec/run.ts';
import type { NetworkDriver } from './driver.ts';
import { failpoint } from './failpoint.ts';
import { fakeNetworks } from './fake/driver.ts';
import { fakeNetworkWorld } from './fake/world.ts';
import { linuxNetworks } from './linux/driver.ts';
import { LINK_GROUP } from './linux/names.ts';
import { linuxRouters } from './linux/router/routers.ts';
import { noNetworks } from './none.ts';

/** The driver of networks that the configuration names. */
export function networkDriverFor(
  { networks, state, host }: AgentConfig,
  { run, log }: { run: Run; log: Logger },
): NetworkDriver {
  const { driver, underlay } = networks;
  if (driver === 'none') return noNetworks(host);
  if (driver === 'fake') {
    const world = fakeNetworkWorld({ stateFile: join(state, 'fake-networks.json') });
    return fakeNetworks({
      ...{ world, host },
      ...(underlay ? { underlay: { link: underlay, address: '192.0.2.1', mtu: 1500 } } : {}),
    });
  }
  const routers = linuxRouters({ run, host, log, folder: join(state, 'routers'), group: LINK_GROUP });
  return linuxNetworks({
    ...{ run, host, folder: join(state, 'networks'), routers },
    ...(underlay ? { underlay } : {}),
    failpoint: failpoint(process.env.SKERRY_FAILPOINT),
  });
}
