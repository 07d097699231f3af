import assert from 'node:assert/strict';
import { addForward, addIngress } from '#central/networks/entry-changes.ts';
import { addPort, createNetwork, type NewNetwork, withoutGuest } from '#central/networks/network-changes.ts';
import { routerRecord } from '#central/networks/records.ts';
import { createRouter, type NewRouter } from '#central/networks/router-changes.ts';
import { routerNamed } from '#central/networks/rules.ts';
import { type NetworkState, NO_STATE } from '#central/networks/state.ts';
import { callOf, guestOf, isFailure, PLAN, type Scene, sceneOf } from './scene.ts';

const made = { by: 'ann@skerry.test', at: '2026-01-01T00:00:00Z' };
const outside = (name: string, hosts: readonly string[], link = 'eth0'): NewNetwork => ({
  ...{ name, kind: 'outside', subnets: [], mtu: 1500, domain: null, level: 0, link, hosts, ...made },
});
const withOutside = (state: NetworkState, ...all: NewNetwork[]): NetworkState =>
  all.reduce((before, network) => createNetwork(before, network, () => 0), state);
const shop: NewNetwork = {
  ...{ name: 'shop', kind: 'nat', subnets: ['10.21.0.0/24'], mtu: 1450, domain: null, level: 0, link: null },
  ...{ hosts: [], ...made },
};
const gate: NewRouter = {
  ...{ name: 'shop', public: ['192.0.2.10/24'], gateway: [], outside: undefined, network: [], host: undefined },
  ...{ dns: [], pool: [], own: shop, ...made },
};
const HOSTS = ['host1', 'host2'];
const hostOf = (state: NetworkState, realisers: readonly string[]): string | undefined =>
  createRouter(state, gate, {
    ...{ plan: PLAN, random: () => 0, hosts: HOSTS },
    realisersOf: (network) => (network === 'wan' ? realisers : []),
  }).routers.get('shop')?.host;

describe('a router whose host is not said', () => {
  it('runs where the network outside is named, or else realised, where that is one host', () => {
    assert.equal(hostOf(withOutside(NO_STATE, outside('wan', ['host2'])), ['host1', 'host2']), 'host2');
    assert.equal(hostOf(withOutside(NO_STATE, outside('wan', [])), ['host1']), 'host1');
  });

  it('is refused where that is more than one', () => {
    const say = isFailure('bad-argument', /say where it runs: host1, host2/);
    assert.throws(() => hostOf(withOutside(NO_STATE, outside('wan', [])), []), say);
    assert.throws(() => hostOf(withOutside(NO_STATE, outside('wan', [])), HOSTS), say);
    assert.throws(() => hostOf(withOutside(NO_STATE, outside('wan', HOSTS)), ['host1']), say);
  });
});

describe('a link outside', () => {
  it('is one network of a host', () => {
    const refused = isFailure('bad-argument', /eth0 of .* is the network wan already/);
    const both = (one: readonly string[], two: readonly string[], link?: string) =>
      withOutside(NO_STATE, outside('wan', one), outside('far', two, link)).networks.size;
    for (const [one, two] of [
      [['host1'], ['host1', 'host2']],
      [[], ['host1']],
      [['host1'], []],
      [[], []],
    ] as const)
      assert.throws(() => both(one, two), refused);
    assert.equal(both(['host1'], ['host2']), 2);
    assert.equal(both([], [], 'eth1'), 2);
  });
});

describe('what is told of a router', () => {
  let scene: Scene;
  afterEach(() => scene.networks.stop());

  it('is which ways in lead to guests that have no address there any more', async () => {
    scene = await sceneOf({ host1: [guestOf('web1'), guestOf('web2')] });
    const { networks } = scene;
    const means = { plan: PLAN, random: () => 0, hosts: ['host1'], realisersOf: () => [] };
    const to = (guest: string) => ({ guest, port: 80 });
    await networks.make(callOf('1'), (state) => createRouter(withOutside(state, outside('wan', [])), gate, means));
    for (const guest of ['web1', 'web2'])
      await networks.make(callOf(guest), (state) => addPort(state, { guest, ip: [], network: 'shop' }, PLAN));
    await networks.make(callOf('2'), (before) => {
      const forward = { router: 'shop', protocol: 'tcp', port: 2222 } as const;
      const state = addForward(addForward(before, { ...forward, to: to('web1') }), {
        ...forward,
        ...{ port: 81, to: { address: '10.21.0.9', port: 81 } },
      });
      const ingress = { router: 'shop', name: 'www.example.org', port: 80, check: null };
      return addIngress(state, { ...ingress, servers: [to('web1'), to('web2')] });
    });
    const told = () => routerRecord(networks, routerNamed(networks.state, 'shop')).problems;
    assert.deepEqual(told(), []);
    await networks.take(callOf('3'), (state) => withoutGuest(state, 'web1'));
    assert.deepEqual(told(), [
      'tcp 2222 leads to web1, which has no address here',
      'www.example.org:80 leads to web1, which has no address here',
    ]);
  });
});
