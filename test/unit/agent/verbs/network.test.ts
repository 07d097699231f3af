import assert from 'node:assert/strict';
import { fakeNetworks } from '#agent/networks/fake/driver.ts';
import { fakeNetworkWorld } from '#agent/networks/fake/world.ts';
import { networkHandlers } from '#agent/verbs/network.ts';
import { Failure } from '#shared/errors.ts';
import { HostNetworks, type NetworkTrouble } from '#shared/model/network.ts';
import type { Call } from '#shared/verb/request.ts';

const MAC = '06:53:00:00:00:01';
const wanted = HostNetworks.parse({
  networks: [
    {
      ...{ name: 'lan', kind: 'isolated', link: 'sk-lan', mtu: 1450 },
      tunnel: { vni: 7, local: '192.0.2.1', peers: ['192.0.2.2', '192.0.2.3'] },
    },
  ],
  ports: [{ network: 'lan', mac: MAC, guest: 'web1', addresses: ['10.9.0.2'] }],
  looks: [],
  routers: [],
});

async function stage(troubles: NetworkTrouble[] = []) {
  // Made with each scene: one of the whole file would end while the files before it run.
  const call = { signal: AbortSignal.timeout(10_000) } as unknown as Call;
  const world = fakeNetworkWorld();
  const networks = fakeNetworks({ world, host: 'host1' });
  await networks.makeNetworks(wanted.networks, wanted.ports, call.signal);
  await networks.guardPorts(wanted.ports, call.signal);
  const examine = networkHandlers({ networks, keeper: { wanted, standing: { digest: '', troubles } } })[
    'network.examine'
  ];
  return { world, examine, call };
}

describe('network.examine of a host', () => {
  it('tells of a port whether it is there and guarded, and whether other hosts are reached', async () => {
    const { world, examine, call } = await stage();
    const good = { network: 'lan', state: 'up', isGuarded: true, link: 'sk065300000001', lost: [] };
    assert.deepEqual(await examine({ network: 'lan', mac: MAC }, call), good);
    world.lost.set('192.0.2.3', 'no answer');
    const { lost } = await examine({ network: 'lan', mac: undefined }, call);
    assert.deepEqual(lost, ['192.0.2.3: no answer']);
    const other = await examine({ network: 'lan', mac: '06:53:00:00:00:02' }, call);
    assert.deepEqual([other.link, other.isGuarded], [undefined, false]);
  });

  it('tells what ails the network, and does not know others', async () => {
    const { examine, call } = await stage([{ what: 'network', name: 'lan', problem: 'no bridge' }]);
    const { state, problem } = await examine({ network: 'lan', mac: undefined }, call);
    assert.deepEqual([state, problem], ['trouble', 'no bridge']);
    await assert.rejects(
      Promise.resolve(examine({ network: 'dmz', mac: undefined }, call)),
      (error) => error instanceof Failure && error.code === 'network-not-found',
    );
  });
});
