import assert from 'node:assert/strict';
import { createNetwork } from '#central/networks/network-changes.ts';
import type { NetworkState } from '#central/networks/state.ts';
import { meshAddressOf } from '#central/networks/tunnels.ts';
import type { MeshEnd } from '#shared/model/mesh.ts';
import { NetworkStanding } from '#shared/model/network.ts';
import { callOf, fakeHost, guestOf, isFailure, type Scene, sceneOf, settled } from './scene.ts';

const HOSTS = ['host1', 'host2', 'host3'];
const THREE = Object.fromEntries(HOSTS.map((host, n) => [host, [guestOf(`web${n + 1}`, host)]]));
const MESH = 'fd5e:1::/64';
const create =
  (name: string, hosts: string[], mtu = 1350) =>
  (state: NetworkState): NetworkState =>
    createNetwork(
      state,
      {
        ...{ name, kind: 'isolated', subnets: [], mtu, domain: null, level: 0, link: null },
        ...{ hosts, by: 'ann@skerry.test', at: '2026-01-01T00:00:00Z' },
      },
      () => (name === 'lan' ? 0.5 : 0.7),
    );
const keyOf = (n: number): string => Buffer.alloc(32, n).toString('base64');
const endOf = (n: number, more: Partial<MeshEnd> = {}): MeshEnd => ({
  ...{ publicKey: keyOf(n), port: 51_820, endpoint: `198.51.100.${n}`, mtu: 1420 },
  ...more,
});
const hostsWith = (ends: readonly (MeshEnd | undefined)[]): Scene['hosts'] =>
  Object.fromEntries(
    HOSTS.map((name, n) => {
      const end = ends[n];
      const underlay = { link: 'eth1', address: `192.0.2.${n + 1}`, mtu: 1500 };
      return [name, { ...fakeHost(underlay), ...(end ? { wireguard: end } : {}) }];
    }),
  );

describe('hosts that meet by WireGuard', () => {
  let scene: Scene;
  afterEach(() => scene.networks.stop());
  const peersOf = (host: string): string[] =>
    scene.last(host).mesh?.peers.map((peer) => `${peer.host} ${peer.publicKey}`) ?? [];

  it('are told of those that they share a network with, and of their own address', async () => {
    scene = await sceneOf(THREE, undefined, hostsWith([endOf(1), endOf(2), endOf(3, { endpoint: undefined })]));
    await scene.networks.make(callOf('1'), create('lan', ['host1', 'host2']));
    await scene.networks.make(callOf('2'), create('far', ['host2', 'host3']));
    await settled();
    assert.deepEqual(peersOf('host1'), [`host2 ${keyOf(2)}`]);
    assert.deepEqual(peersOf('host2'), [`host1 ${keyOf(1)}`, `host3 ${keyOf(3)}`]);
    const { mesh, networks } = scene.last('host3');
    assert.equal(mesh?.address, meshAddressOf(MESH, 'host3'));
    assert.deepEqual(networks[0]?.tunnel?.peers, [meshAddressOf(MESH, 'host2')]);
    assert.deepEqual(
      mesh?.peers.map(({ endpoint, keepaliveS }) => [endpoint?.host, endpoint?.port, keepaliveS]),
      [['198.51.100.2', 51_820, 25]],
    );
    assert.equal(scene.last('host2').mesh?.peers[1]?.endpoint, undefined);
    assert.deepEqual(scene.networks.problemsOf('network', 'far'), []);
  });

  it('learn another key of a host, and drop one that names WireGuard no more', async () => {
    scene = await sceneOf(THREE, undefined, hostsWith([endOf(1), endOf(2), undefined]));
    await scene.networks.make(callOf('1'), create('lan', ['host1', 'host2']));
    const host2 = scene.hosts.host2!;
    host2.wireguard = endOf(9);
    host2.standing = { ...host2.standing!, wireguard: endOf(9) };
    await scene.heard('host2');
    await settled();
    assert.deepEqual(peersOf('host1'), [`host2 ${keyOf(9)}`]);
    host2.wireguard = undefined;
    host2.standing = { ...host2.standing, wireguard: undefined };
    await scene.heard('host2');
    await settled();
    assert.equal(scene.last('host1').mesh, undefined);
  });

  it('are not joined to others, and it is told', async () => {
    scene = await sceneOf(THREE, undefined, hostsWith([endOf(1), undefined, undefined]));
    const made = await scene.networks.make(callOf('1'), create('lan', ['host1', 'host2']));
    assert.deepEqual(made.problems, []);
    assert.deepEqual(scene.networks.problemsOf('network', 'lan'), [
      'its hosts are not all joined: host1 by WireGuard; host2 by an underlay of IPv4',
    ]);
    assert.equal(scene.last('host1').networks[0]?.tunnel, undefined);
  });

  it('are told of what does not fit, of two that nobody can dial, and of a key that two have', async () => {
    const ends = [endOf(1, { endpoint: undefined }), endOf(1, { endpoint: undefined }), undefined];
    scene = await sceneOf(THREE, undefined, hostsWith(ends));
    await scene.networks.make(callOf('1'), create('lan', ['host1', 'host2'], 1450));
    const problems = scene.networks.problemsOf('network', 'lan').join('; ');
    assert.match(problems, /1450 bytes do not fit through the WireGuard link of host1: 1350 is the most/);
    assert.match(problems, /host1 and host2 do not reach each other: none of them names a WireGuard endpoint/);
    assert.match(problems, /host1 and host2 are not joined: they have one WireGuard key/);
    assert.deepEqual([scene.last('host1').mesh, scene.last('host1').networks[0]?.tunnel], [undefined, undefined]);
  });

  it('do not know two that have one key apart, and listen to neither', async () => {
    scene = await sceneOf(THREE, undefined, hostsWith([endOf(1), endOf(2), endOf(2)]));
    await scene.networks.make(callOf('1'), create('lan', ['host1', 'host2']));
    await scene.networks.make(callOf('2'), create('far', ['host1', 'host3']));
    await settled();
    assert.deepEqual([scene.last('host1').mesh?.peers, scene.last('host1').networks.length], [[], 2]);
  });

  it('have a trouble of their link told of all networks that are joined by it', async () => {
    scene = await sceneOf(THREE, undefined, hostsWith([endOf(1), endOf(2), undefined]));
    const trouble = { what: 'mesh' as const, name: 'skwg', problem: 'wg is missing' };
    scene.hosts.host1!.troubles = ({ mesh }) => (mesh ? [trouble] : []);
    await scene.networks.take(callOf('1'), create('lan', ['host1', 'host2']));
    await settled();
    assert.deepEqual(scene.networks.problemsOf('network', 'lan'), ['host1: wg is missing']);
  });

  it('are refused a part that their link cannot carry', async () => {
    scene = await sceneOf(THREE, undefined, hostsWith([endOf(1), endOf(2), undefined]));
    const problem = 'its tunnel needs 1520 of skwg, which has 1420';
    scene.hosts.host1!.troubles = ({ networks }) => networks.map(({ name }) => ({ what: 'network', name, problem }));
    await assert.rejects(
      scene.networks.make(callOf('1'), create('lan', ['host1', 'host2'], 1450)),
      isFailure('network-host', /needs 1520/),
    );
  });

  it('that are older say nothing of it, and are understood', () => {
    assert.ok(NetworkStanding.safeParse({ digest: '', troubles: [] }).success);
    assert.ok(!NetworkStanding.safeParse({ digest: '', troubles: [], wireguard: { publicKey: 'x' } }).success);
  });
});
