import assert from 'node:assert/strict';
import {
  addPort,
  createNetwork,
  deleteNetwork,
  type NewNetwork,
  withoutGuest,
} from '#central/networks/network-changes.ts';
import type { NetworkState } from '#central/networks/state.ts';
import { Failure } from '#shared/errors.ts';
import { callOf, fakeHost, guestOf, isFailure, PLAN, type Scene, sceneOf, settled } from './scene.ts';

const LAN: NewNetwork = {
  ...{ name: 'lan', kind: 'isolated', subnets: ['10.99.0.0/16', 'fd00:99::/64'], mtu: 1450, domain: null },
  ...{ level: 7, link: null, hosts: ['host1'], by: 'ann@skerry.test', at: '2026-01-01T00:00:00Z' },
};
const create =
  (more: Partial<NewNetwork> = {}) =>
  (state: NetworkState): NetworkState =>
    createNetwork(state, { ...LAN, ...more }, () => 0.5);
const attach =
  (guest: string, ip: readonly string[] = [], network: string | undefined = 'lan') =>
  (state: NetworkState): NetworkState =>
    addPort(state, { guest, ip, network }, PLAN);

const TWO = { host1: [guestOf('web1')], host2: [guestOf('web2', 'host2')] };
const withUnderlays = (): Scene['hosts'] => ({
  host1: fakeHost({ link: 'eth1', address: '192.0.2.1', mtu: 1500 }),
  host2: fakeHost({ link: 'eth1', address: '192.0.2.2', mtu: 1500 }),
});

describe('networks that hosts are told of', () => {
  let scene: Scene;
  afterEach(() => scene.networks.stop());

  it('are on the hosts that are named, and on no other', async () => {
    scene = await sceneOf(TWO);
    const { problems } = await scene.networks.make(callOf('1'), create());
    assert.deepEqual(problems, []);
    assert.deepEqual(
      scene.last('host1').networks.map(({ name, link, mtu, tunnel }) => [name, link, mtu, tunnel]),
      [['lan', 'sk-lan', 1450, undefined]],
    );
    assert.deepEqual(scene.hosts.host2?.taken, []);
  });

  it('come to a host with a guest on them, joined by tunnels, with the guest’s MAC and addresses', async () => {
    scene = await sceneOf(TWO, undefined, withUnderlays());
    await scene.networks.make(callOf('1'), create());
    await scene.networks.make(callOf('2'), attach('web2', ['10.99.0.12']));
    assert.deepEqual(scene.last('host2').ports, [
      {
        ...{ network: 'lan', mac: '06:53:07:00:00:01', guest: 'web2' },
        addresses: ['10.99.0.12', 'fd00:99::453:7ff:fe00:1'],
      },
    ]);
    const tunnel = (host: string) => scene.last(host).networks[0]?.tunnel;
    assert.deepEqual([tunnel('host1')?.local, tunnel('host1')?.peers], ['192.0.2.1', ['192.0.2.2']]);
    assert.deepEqual([tunnel('host2')?.local, tunnel('host2')?.peers], ['192.0.2.2', ['192.0.2.1']]);
    assert.equal(tunnel('host1')?.vni, tunnel('host2')?.vni);
  });

  it('follow a guest that moves', async () => {
    scene = await sceneOf(TWO, undefined, withUnderlays());
    await scene.networks.make(callOf('1'), create());
    await scene.networks.make(callOf('2'), attach('web2'));
    const report = (host: string, seq: number, guests: readonly string[]) =>
      scene.site.take(`${host}@skerry.test`, {
        ...{ epoch: 1, seq, kind: 'snapshot', part: 0, more: false, gone: [], jobs: [] },
        host: { state: 'up', version: '0.1.0', networks: scene.hosts[host]?.standing },
        guests: guests.map((name) => guestOf(name, host)),
      });
    await report('host1', 9, ['web1', 'web2']);
    await settled();
    assert.deepEqual([scene.last('host1').ports.length, scene.last('host2').ports.length], [1, 1]);
    await report('host2', 9, []);
    await settled();
    assert.deepEqual([scene.last('host1').ports.length, scene.last('host2').ports.length], [1, 0]);
    assert.deepEqual([scene.last('host2').networks, scene.last('host1').networks[0]?.tunnel], [[], undefined]);
  });

  it('that a host cannot make are undone, there and in what is kept', async () => {
    scene = await sceneOf(TWO);
    const host1 = scene.hosts.host1;
    assert.ok(host1);
    host1.troubles = ({ networks }) =>
      networks.map(({ name }) => ({
        what: 'network',
        name,
        problem: 'There is a bridge sk-lan, and Skerry did not make it.',
      }));
    await assert.rejects(
      scene.networks.make(callOf('1'), create()),
      isFailure('network-host', /host1 .*did not make it; nothing/),
    );
    assert.deepEqual(scene.last('host1').networks, []);
    assert.equal(scene.networks.state.networks.size, 0);
    assert.equal(scene.store.state.networks.size, 0);
  });

  it('stay where a host has a trouble of something else', async () => {
    scene = await sceneOf(TWO);
    const host1 = scene.hosts.host1;
    assert.ok(host1);
    host1.troubles = () => [{ what: 'network', name: 'other', problem: 'It drifted.' }];
    await scene.networks.make(callOf('1'), create());
    assert.equal(scene.networks.state.networks.size, 1);
  });

  it('are kept where a host is away, which is told, and given when it is back', async () => {
    scene = await sceneOf(TWO);
    scene.site.lose('host2', 'silent');
    const { problems } = await scene.networks.make(callOf('1'), create({ hosts: ['host1', 'host2'] }));
    assert.match(problems.join(), /^host2: it is not heard; it will do its part when it is back$/);
    assert.deepEqual(scene.hosts.host2?.taken, []);
    await scene.heard('host2');
    await settled();
    assert.equal(scene.last('host2').networks.length, 1);
  });

  it('are given again after a while to a host that did not answer', async () => {
    scene = await sceneOf(TWO);
    const host1 = scene.hosts.host1;
    assert.ok(host1);
    host1.failure = new Failure('no-answer', { peer: 'host1', timeoutS: 60 });
    const { problems } = await scene.networks.make(callOf('1'), create());
    assert.match(problems.join(), /host1: it has not answered yet/);
    delete host1.failure;
    scene.clock.advance(10_000);
    await settled();
    assert.equal(scene.last('host1').networks.length, 1);
    const sent = host1.taken.length;
    scene.clock.advance(60_000);
    await settled();
    assert.equal(host1.taken.length, sent, 'what is taken is not sent again');
  });

  it('are given again to a host that reports that it has others', async () => {
    scene = await sceneOf(TWO);
    await scene.networks.make(callOf('1'), create());
    const host1 = scene.hosts.host1;
    assert.ok(host1);
    host1.standing = { digest: 'of long ago', troubles: [] };
    host1.taken.length = 0;
    await scene.heard('host1', 2);
    await settled();
    assert.equal(scene.last('host1').networks.length, 1);
  });

  it('are given again where what is due is what was due before', async () => {
    scene = await sceneOf(TWO);
    await scene.networks.make(callOf('1'), create());
    await scene.heard('host1');
    const ports = () => scene.last('host1').ports.length;
    for (const round of [2, 3]) {
      await scene.networks.make(callOf(`on ${round}`), attach('web1'));
      assert.equal(ports(), 1);
      await scene.networks.take(callOf(`off ${round}`), (state) => withoutGuest(state, 'web1'));
      assert.equal(ports(), 0, 'also where its last report was of when it had none');
    }
  });

  it('are not sent to a host that is to have none and never had', async () => {
    scene = await sceneOf(TWO);
    await settled();
    assert.deepEqual([scene.hosts.host1?.taken, scene.hosts.host2?.taken], [[], []]);
  });

  it('are known again in another life of central, which sends nothing where nothing is new', async () => {
    scene = await sceneOf(TWO);
    await scene.networks.make(callOf('1'), create());
    await scene.networks.make(callOf('2'), attach('web1'));
    const sent = scene.hosts.host1?.taken.length;
    scene = await scene.again();
    await settled();
    assert.equal(scene.networks.state.ports.size, 1);
    assert.equal(scene.hosts.host1?.taken.length, sent);
  });

  it('are made once by an operation that was cut off and is asked again', async () => {
    scene = await sceneOf(TWO);
    await scene.networks.make(callOf('1'), create());
    scene = await scene.again();
    await scene.networks.make(callOf('1'), create());
    await assert.rejects(scene.networks.make(callOf('2'), create()), isFailure('network-exists'));
    await scene.networks.take(callOf('3'), (state) => deleteNetwork(state, 'lan'));
    const { made } = await scene.networks.take(callOf('3'), (state) => deleteNetwork(state, 'lan'));
    assert.equal(made.before.networks.get('lan')?.name, 'lan');
    assert.equal(scene.networks.state.networks.size, 0);
  });

  it('say of an address what is wrong with it, also to a guest that is on them already', async () => {
    scene = await sceneOf(TWO);
    await scene.networks.make(callOf('1'), create());
    await scene.networks.make(callOf('2'), attach('web1', ['10.99.0.5']));
    await scene.networks.make(callOf('3'), attach('web2', ['10.99.0.6']));
    const again = (ip: string) => scene.networks.make(callOf(`again ${ip}`), attach('web1', [ip]));
    await assert.rejects(again('10.99.255.255'), isFailure('address-outside', /broadcast/));
    await assert.rejects(again('10.99.0.6'), isFailure('address-taken', /web2/));
    await assert.rejects(again('10.99.0.7'), isFailure('bad-argument', /web1 is on lan already/));
    await assert.rejects(again('10.99.0.5'), isFailure('bad-argument', /web1 is on lan already/));
  });

  it('are named to who asks for an address of none, not all where there are many', async () => {
    scene = await sceneOf(TWO);
    const names = [0, 1, 2, 3, 4, 5].map((n) => create({ name: `lan${n}`, subnets: [`10.${n}.0.0/16`] }));
    const many = names.reduce((state, next) => next(state), scene.networks.state);
    const ask = () => addPort(many, { guest: 'web1', ip: ['192.0.2.1'] }, PLAN);
    assert.throws(ask, isFailure('address-outside', /10\.4\.0\.0\/16 \(lan4\), and 1 more/));
  });

  it('change nothing where there is no room to write', async () => {
    scene = await sceneOf(TWO);
    scene.store.full = true;
    await assert.rejects(scene.networks.make(callOf('1'), create()), isFailure('host-space'));
    assert.equal(scene.networks.state.networks.size, 0);
    assert.deepEqual(scene.hosts.host1?.taken, []);
  });

  it('stay where somebody is on them by the time that they are to be undone', async () => {
    scene = await sceneOf(TWO);
    const { made } = await scene.networks.make(callOf('1'), create());
    await scene.networks.make(callOf('2'), attach('web1'));
    assert.equal(await scene.networks.undo(callOf('1'), made), false);
    assert.equal(scene.networks.state.networks.size, 1);
  });

  it('never give one address or MAC twice, however many ask at once', async () => {
    const names = Array.from({ length: 200 }, (_, n) => `guest${n}`);
    scene = await sceneOf({ host1: names.map((name) => guestOf(name)) });
    await scene.networks.make(callOf('1'), create());
    await Promise.all(names.map((name) => scene.networks.make(callOf(name), attach(name))));
    const ports = [...scene.networks.state.ports.values()];
    const addresses = ports.flatMap((port) => port.addresses);
    assert.deepEqual([ports.length, new Set(addresses).size], [200, 400]);
    assert.equal(scene.last('host1').ports.length, 200);
    assert.ok((scene.hosts.host1?.taken.length ?? 0) < 50, 'many changes go in few documents');
  });
});
