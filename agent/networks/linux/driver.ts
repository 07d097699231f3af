import { join } from 'node:path';
import type { Run } from '#agent/exec/run.ts';
import type { NetworkDriver } from '#agent/networks/driver.ts';
import { type Failpoint, failpoint as failpointOf } from '#agent/networks/failpoint.ts';
import { Failure } from '#shared/errors.ts';
import { readLinks } from './carry-out.ts';
import { listTraffic } from './commands.ts';
import { guards } from './guards.ts';
import { looks } from './looks.ts';
import { lookSpaceOf } from './names.ts';
import { makeNetworks, removeNetworks } from './networks.ts';
import { hostSilence } from './openvswitch/host-silence.ts';
import type { OpenVSwitch } from './openvswitch/switch.ts';
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
  /** What realises bridges; without it, the kernel's own. */
  openvswitch?: OpenVSwitch;
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
  const { run, host, routers, underlay, openvswitch } = options;
  const tools = {
    ...{ run, host, failpoint: options.failpoint ?? failpointOf(undefined) },
    ...(openvswitch ? { openvswitch } : {}),
  };
  const guardPorts = guards(tools);
  const silence = hostSilence(tools);
  const ownLooks = looks({ ...tools, folder: join(options.folder, 'looks') });
  return {
    kind: 'linux',
    readRealised: async (signal) => ({
      networks: networksIn({ links: await readLinks(tools, signal) }),
      looks: await ownLooks.list(),
      routers: await routers.readRouters(signal),
    }),
    makeNetworks: async (networks, ports, signal) => {
      const failed = await makeNetworks(tools, networks, ports, signal);
      await openvswitch?.keepFlows(signal);
      return failed;
    },
    removeNetworks: (names, signal) => removeNetworks(tools, names, signal),
    guardPorts: async (ports, signal) => {
      // First of all: whatever fails here, flows are set again when networks are made, and they let everything pass by ports that nobody holds.
      openvswitch?.hold(ports);
      await guardPorts(ports, signal);
      if (!openvswitch) return;
      await silence(ports, signal);
      await openvswitch.keepFlows(signal);
    },
    readPorts: async (signal) => portsIn([...(await readLinks(tools, signal, listTraffic())).values()]),
    ...(openvswitch ? { datapathOf: openvswitch.datapathOf } : {}),
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
      const watch = await watchHost(onChange, onBreak, signal, openvswitch !== undefined);
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
