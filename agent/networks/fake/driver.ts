import { isDeepStrictEqual } from 'node:util';
import type { NetworkDriver, Underlay } from '#agent/networks/driver.ts';
import { Failure } from '#shared/errors.ts';
import { MESH_LINK, type MeshEnd } from '#shared/model/mesh.ts';
import { type HostNetwork, portLinkOf } from '#shared/model/network.ts';
import type { FakeNetworks, FakeNetworkWorld } from './world.ts';

export interface FakeNetworkOptions {
  world: FakeNetworkWorld;
  /** Name of this host. */
  host: string;
  underlay?: Underlay;
  /** How others reach it by WireGuard. */
  readWireguard?: () => Promise<MeshEnd | undefined>;
}

/** A NetworkDriver of networks that are none: for trying out, and for scale. */
export function fakeNetworks({ world, host, underlay, readWireguard }: FakeNetworkOptions): NetworkDriver {
  const { state } = world;
  const put = <K extends 'networks' | 'looks' | 'routers'>(
    [kind, what]: readonly [K, string],
    name: string,
    value: FakeNetworks[K][string],
  ): void => {
    world.try(`${what} ${name}`);
    if (!isDeepStrictEqual(state[kind][name], value))
      world.did(`make ${what} ${name}`, (all) => Object.assign(all[kind], { [name]: structuredClone(value) }));
  };
  const drop = (kind: 'networks' | 'looks' | 'routers', what: string, name: string): void => {
    world.try(`${what} ${name}`);
    if (state[kind][name]) world.did(`remove ${what} ${name}`, (all) => delete all[kind][name]);
  };
  const makeNetwork = (network: HostNetwork): void => {
    const isThere = state.foreign.includes(network.link);
    if (network.kind === 'outside') {
      if (!isThere) throw new Failure('network-missing', { link: network.link, host, problem: 'nobody made it' });
      world.try(`network ${network.name}`);
      return;
    }
    if (isThere) throw new Failure('network-clash', { what: 'a link', name: network.link, host });
    put(['networks', 'network'], network.name, network);
  };
  return {
    kind: 'fake',
    readRealised: async () => ({
      networks: Object.keys(state.networks),
      looks: Object.keys(state.looks),
      routers: Object.keys(state.routers),
    }),
    makeNetworks: async (networks, _ports, signal) => {
      signal.throwIfAborted();
      return failuresOf(networks, makeNetwork);
    },
    removeNetworks: async (names) => {
      for (const name of names) drop('networks', 'network', name);
    },
    guardPorts: async (ports) => {
      world.try('guards');
      if (!isDeepStrictEqual(state.guards, ports))
        world.did('guard ports', (all) => {
          all.guards = structuredClone([...ports]);
        });
    },
    readPorts: async () =>
      state.guards
        .filter(({ network }) => state.networks[network])
        .map(({ network, mac }) => ({ network, mac, link: portLinkOf(mac) })),
    makeLook: async (look) => put(['looks', 'look'], look.network, look),
    removeLook: async (network) => drop('looks', 'look', network),
    enterLook: (_network, [file = '', ...args]) => [file, ...args],
    makeRouter: async (router) => put(['routers', 'router'], router.name, router),
    removeRouter: async (name) => drop('routers', 'router', name),
    examineRouter: async (name) => world.ailing.get(name) ?? [],
    readGiven: async (name) => world.given.get(name) ?? { router: name, addresses: [] },
    readLeases: async (router) => world.leases.filter((lease) => lease.router === router),
    readUnderlay: async () => underlay,
    readWireguard: async () => readWireguard?.(),
    keepMesh: async (mesh, vnis) => {
      world.try('mesh');
      if (state.foreign.includes(MESH_LINK)) {
        if (mesh) throw new Failure('network-clash', { what: 'a link', name: MESH_LINK, host });
        return;
      }
      const wanted = mesh && { ...mesh, vnis: [...vnis] };
      if (!isDeepStrictEqual(state.mesh, wanted))
        world.did(wanted ? 'make mesh' : 'remove mesh', (all) => {
          if (wanted) all.mesh = structuredClone(wanted);
          else delete all.mesh;
        });
    },
    reachPeer: async (peer) => {
      const why = world.lost.get(peer);
      return why === undefined ? undefined : `${peer}: ${why}`;
    },
    watch: async (onChange, onBreak) => {
      const off = world.listen(onChange, onBreak);
      return { stop: async () => off() };
    },
    close: async () => {},
  };
}

function failuresOf(networks: readonly HostNetwork[], make: (network: HostNetwork) => void): Map<string, Failure> {
  const failed = new Map<string, Failure>();
  for (const network of networks)
    try {
      make(network);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      failed.set(network.name, error);
    }
  return failed;
}
