import { lookup } from 'node:dns/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { AgentConfig } from '#agent/config.ts';
import type { Run } from '#agent/exec/run.ts';
import type { NetworkDriver } from './driver.ts';
import { failpoint } from './failpoint.ts';
import { fakeNetworks } from './fake/driver.ts';
import { fakeNetworkWorld } from './fake/world.ts';
import { illumosNetworks } from './illumos/driver.ts';
import { linuxNetworks } from './linux/driver.ts';
import { linuxMesh } from './linux/mesh/mesh.ts';
import { openVSwitch } from './linux/openvswitch/switch.ts';
import { linuxRouters } from './linux/router/routers.ts';
import { noNetworks } from './none.ts';
import { wireguardEnd, wireguardFolder } from './wireguard-end.ts';

/** The driver of networks that the configuration names. */
export function networkDriverFor(config: AgentConfig, { run, log }: { run: Run; log: Logger }): NetworkDriver {
  const { networks, state, host } = config;
  const { driver, wireguard } = networks;
  // Where WireGuard is named, nothing is to go bare: also not while the host's key cannot be read.
  const underlay = wireguard ? undefined : networks.underlay;
  const readWireguard = () => wireguardEnd(config);
  if (driver === 'none') return noNetworks(host);
  if (driver === 'fake') {
    const world = fakeNetworkWorld({ stateFile: join(state, 'fake-networks.json') });
    return fakeNetworks({
      ...{ world, host, readWireguard },
      ...(underlay ? { underlay: { link: underlay, address: '192.0.2.1', mtu: 1500 } } : {}),
    });
  }
  if (driver === 'illumos') {
    const zones = config.drivers.find(({ kind }) => kind === 'zones');
    const { zonesFolder, packageCache } = zones?.kind === 'zones' ? zones : {};
    return illumosNetworks({
      ...{ run, host, log, stateFolder: join(state, 'illumos') },
      ...(zonesFolder ? { zonesFolder } : {}),
      ...(packageCache ? { packageCache } : {}),
    });
  }
  const switching = networks.switch === 'openvswitch' ? { openvswitch: openVSwitch(run) } : {};
  const routers = linuxRouters({ run, host, log, folder: join(state, 'routers'), ...switching });
  return linuxNetworks({
    ...{ run, host, folder: join(state, 'networks'), routers, ...switching },
    mesh: {
      readWireguard,
      keepMesh: linuxMesh({
        ...{ run, host, folder: wireguardFolder(state), port: wireguard?.listen },
        lookUp: async (name) => (await lookup(name, { all: true })).map(({ address }) => address),
      }).keep,
    },
    ...(underlay ? { underlay } : {}),
    failpoint: failpoint(process.env.SKERRY_FAILPOINT),
  });
}
