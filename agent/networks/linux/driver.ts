import { join } from 'node:path';
import type { Run } from '#agent/exec/run.ts';
import type { NetworkDriver } from '#agent/networks/driver.ts';
import { type Failpoint, failpoint as failpointOf } from '#agent/networks/failpoint.ts';
import { Failure } from '#shared/errors.ts';
import { readLinks } from './carry-out.ts';
import { guards } from './guards.ts';
import { listTraffic, parseLinks } from './links.ts';
import { looks } from './looks.ts';
import { lookSpaceOf } from './names.ts';
import { makeNetworks, removeNetworks } from './networks.ts';
import { networksIn } from './plan.ts';
import { portsIn } from './ports.ts';
import { reachPeer, readUnderlay } from './underlay.ts';
import { watchHost } from './watch.ts';

/** What makes routers: they are a part of their own. */
export type Routers = Pick<
  NetworkDriver,
  'makeRouter' | 'removeRouter' | 'examineRouter' | 'readGiven' | 'readLeases'
> & {
  readRouters(signal: AbortSignal): Promise<string[]>;
  /** Tell when an address that one has by DHCP may have changed. Returns what ends it. */
  watch(onChange: () => void): () => void;
};

export interface LinuxNetworksOptions {
  run: Run;
  /** Name of this host. */
  host: string;
  /** Where the driver keeps what is its own. */
  folder: string;
  routers: Routers;
  /** The link that tunnels begin at. */
  underlay?: string;
  failpoint?: Failpoint;
  /** The host's WireGuard link; without it, the host has none. */
  mesh?: Pick<NetworkDriver, 'readWireguard' | 'keepMesh'>;
}

/** Networks of Linux: bridges, VXLAN, nftables and network namespaces, by the tools of iproute2 and nftables. As root. */
export function linuxNetworks(options: LinuxNetworksOptions): NetworkDriver {
  const { run, host, routers, underlay } = options;
  const tools = { run, host, failpoint: options.failpoint ?? failpointOf(undefined) };
  const ownLooks = looks({ ...tools, folder: join(options.folder, 'looks') });
  return {
    kind: 'linux',
    readRealised: async (signal) => ({
      networks: networksIn({ links: await readLinks(tools, signal) }),
      looks: await ownLooks.list(),
      routers: await routers.readRouters(signal),
    }),
    makeNetworks: (networks, ports, signal) => makeNetworks(tools, networks, ports, signal),
    removeNetworks: (names, signal) => removeNetworks(tools, names, signal),
    guardPorts: guards(tools),
    readPorts: async (signal) => portsIn(parseLinks(await run(listTraffic(), signal))),
    makeLook: ownLooks.make,
    removeLook: ownLooks.remove,
    enterLook: (network, argv) => ['ip', 'netns', 'exec', lookSpaceOf(network), ...argv],
    makeRouter: routers.makeRouter,
    removeRouter: routers.removeRouter,
    examineRouter: routers.examineRouter,
    readGiven: routers.readGiven,
    readLeases: routers.readLeases,
    readUnderlay: async (signal) => (underlay ? readUnderlay({ run, host, link: underlay }, signal) : undefined),
    readWireguard: async (signal) => options.mesh?.readWireguard(signal),
    keepMesh: async (mesh, vnis, signal) => {
      if (!options.mesh && mesh) throw new Failure('network-host', { host, problem: 'it makes no WireGuard link' });
      await options.mesh?.keepMesh(mesh, vnis, signal);
    },
    reachPeer: (peer, mtu, signal) => reachPeer(run, peer, mtu, signal),
    watch: async (onChange, onBreak, signal) => {
      const watch = await watchHost(onChange, onBreak, signal);
      const end = routers.watch(onChange);
      return {
        stop: async () => {
          end();
          await watch.stop();
        },
      };
    },
    close: async () => {},
  };
}
