import { fakeNetworks } from '#agent/networks/fake/driver.ts';
import { fakeNetworkWorld } from '#agent/networks/fake/world.ts';
import { type NetworkHarness, networkDriverContract } from './network-driver-contract.ts';

const END = { publicKey: Buffer.alloc(32, 1).toString('base64'), port: 51_820, mtu: 1420 };

networkDriverContract('fake', async (): Promise<NetworkHarness> => {
  const world = fakeNetworkWorld({ foreign: ['wan0'] });
  const underlay = { link: 'eth0', address: '192.0.2.1', mtu: 1500 };
  return {
    driver: fakeNetworks({ world, host: 'here', underlay, readWireguard: async () => END }),
    outside: 'wan0',
    local: underlay.address,
    behind: {
      makeLink: async (name) => world.drift(({ foreign }) => foreign.push(name)),
      removeLink: async (name) =>
        world.drift((state) => {
          state.foreign = state.foreign.filter((each) => each !== name);
        }),
      hasLink: async (name) => world.state.foreign.includes(name),
      loseNetwork: async ({ name }) => world.drift(({ networks }) => delete networks[name]),
      loseGuards: async () =>
        world.drift((state) => {
          state.guards = [];
        }),
      loseLook: async (network) => world.drift(({ looks }) => delete looks[network]),
    },
    changes: async () => JSON.stringify({ ...world.state, effects: undefined }),
    close: async () => {},
  };
});
