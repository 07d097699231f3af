import assert from 'node:assert/strict';
import { addPort, createNetwork, withoutGuest } from '#central/networks/network-changes.ts';
import { networkInfo, networkRecord } from '#central/networks/records.ts';
import { createRouter } from '#central/networks/router-changes.ts';
import { networkNamed } from '#central/networks/rules.ts';
import { type NetworkState, withoutRow } from '#central/networks/state.ts';
import type { Guest } from '#shared/model/guest.ts';
import { callOf, guestOf, PLAN, type Scene, sceneOf } from './scene.ts';

const lan = (state: NetworkState): NetworkState =>
  createNetwork(
    state,
    {
      ...{ name: 'lan', kind: 'isolated', subnets: ['10.9.0.0/24', 'fd00:9::/64'], mtu: 1450, domain: null, level: 0 },
      ...{ link: null, hosts: [], by: 'ann@skerry.test', at: '2026-01-01T00:00:00Z' },
    },
    () => 0,
  );

describe('what is told of a network', () => {
  let scene: Scene;
  afterEach(() => scene.networks.stop());

  /** Problems of a network with web1 on it, held to 10.9.0.2. */
  const problemsWith = async (web1: Partial<Guest>, isSeen = true): Promise<string> => {
    scene = await sceneOf({ host1: [{ ...guestOf('web1'), ...web1 }] });
    await scene.networks.make(callOf('1'), lan);
    await scene.networks.make(callOf('2'), (state) => addPort(state, { guest: 'web1', ip: ['10.9.0.2'] }, PLAN));
    return networkInfo(scene, networkNamed(scene.networks.state, 'lan'), () => isSeen).problems.join('\n');
  };
  const STRAY = /web1: it has 10\.9\.0\.77, and is held to 10\.9\.0\.2; web1 is cut off/;

  it('is which guest goes on with another address than it is held to', async () => {
    assert.match(await problemsWith({ addresses: ['10.9.0.77'] }), STRAY);
  });

  const fine: [what: string, guest: Partial<Guest>][] = [
    ['has its address, among others', { addresses: ['10.9.0.77', '10.9.0.2'] }],
    ['has addresses elsewhere alone', { addresses: ['192.0.2.1', 'fe80::1%eth0', 'fe80::2'] }],
    ['is not known to have any', { addresses: [] }],
    ['is off', { state: 'shutoff', addresses: ['10.9.0.77'] }],
  ];
  for (const [what, guest] of fine)
    it(`is nothing of a guest that ${what}`, async () => {
      assert.doesNotMatch(await problemsWith(guest), /web1/);
    });

  it('is that nobody serves it, where guests are on it and no router is', async () => {
    const unserved = /no router is on lan: nobody tells guests their addresses \(router create NAME network=lan\)/;
    assert.match(await problemsWith({}), unserved);
    const { networks } = scene;
    const told = () => networkRecord(networks, networkNamed(networks.state, 'lan')).problems.join('\n');
    assert.match(told(), unserved, 'in lists too');
    const wanted = {
      ...{
        name: 'serve',
        public: [],
        gateway: [],
        outside: undefined,
        network: ['lan'],
        host: 'host1',
        dns: [],
        pool: [],
      },
      ...{ own: undefined, by: 'ann@skerry.test', at: '2026-01-01T00:00:00Z' },
    };
    const means = { plan: PLAN, random: () => 0, hosts: ['host1'], realisersOf: () => [] };
    await networks.make(callOf('3'), (state) => createRouter(state, wanted, means));
    assert.equal(told(), '');
    await networks.take(callOf('4'), (state) => withoutRow(state, 'routers', 'serve'));
    await networks.take(callOf('5'), (state) => withoutGuest(state, 'web1'));
    assert.equal(told(), '', 'of a network that no guest is on, nothing is told');
  });

  it('names no guest to who may not see it', async () => {
    assert.doesNotMatch(await problemsWith({ addresses: ['10.9.0.77'] }, false), /web1/);
  });
});
