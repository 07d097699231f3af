import { Failure } from '#shared/errors.ts';
import type { NetworkDriver } from './driver.ts';

/** What a host has that realises no networks: it says so of everything that it is to realise. */
export function noNetworks(host: string): NetworkDriver {
  const failure = new Failure('network-host', { host, problem: 'it realises no networks (networks.driver is none)' });
  const refuse = async (): Promise<never> => {
    throw failure;
  };
  return {
    kind: 'none',
    readRealised: async () => ({ networks: [], looks: [], routers: [] }),
    makeNetworks: async (networks) => new Map(networks.map(({ name }) => [name, failure])),
    removeNetworks: async () => {},
    guardPorts: async (ports) => {
      if (ports.length > 0) throw failure;
    },
    readPorts: async () => [],
    makeLook: refuse,
    removeLook: async () => {},
    enterLook: () => {
      throw failure;
    },
    makeRouter: refuse,
    removeRouter: async () => {},
    examineRouter: async () => [],
    readGiven: async (router) => ({ router, addresses: [] }),
    readLeases: refuse,
    readUnderlay: async () => undefined,
    readWireguard: async () => undefined,
    keepMesh: async (mesh) => {
      if (mesh) throw failure;
    },
    reachPeer: refuse,
    watch: async () => ({ stop: async () => {} }),
    close: async () => {},
  };
}
