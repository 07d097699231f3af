import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { fakeNetworks } from '#agent/networks/fake/driver.ts';
import { type FakeNetworkWorld, fakeNetworkWorld } from '#agent/networks/fake/world.ts';
import { networkKeeper } from '#agent/networks/keeper.ts';
import { noNetworks } from '#agent/networks/none.ts';
import { Failure } from '#shared/errors.ts';
import type { MeshEnd } from '#shared/model/mesh.ts';
import { HostNetworks, HostRouter } from '#shared/model/network.ts';
import { digestOf } from '#shared/verb/digest.ts';
import { network, port } from '#test/contract/network-driver-contract.ts';
import { manualClock } from '../../support/manual-clock.ts';

const router = HostRouter.parse({
  ...{ name: 'core', legs: [{ network: 'grid', mac: '52:54:00:00:00:01', addresses: ['10.9.0.1/24'] }] },
  ...{ nat: [], routed: [], dns: [], hosts: [] },
});
const look = { network: 'grid', mac: '52:54:00:00:00:fe', addresses: ['10.9.0.254/24'] };
const documentOf = (more: object): HostNetworks =>
  HostNetworks.parse({ networks: [], ports: [], looks: [], routers: [], ...more });
const WHOLE = documentOf({ networks: [network('grid')], ports: [port('grid', 4)], looks: [look], routers: [router] });
const clash = new Failure('network-clash', { what: 'a link', name: 'sk-grid', host: 'here' });

function keptIn(map: Map<string, string>) {
  return { get: (key: string) => map.get(key), set: (key: string, value: string) => void map.set(key, value) };
}

function stage(
  world: FakeNetworkWorld = fakeNetworkWorld(),
  kept = new Map<string, string>(),
  readWireguard?: () => Promise<MeshEnd>,
) {
  const clock = manualClock();
  const driver = fakeNetworks({
    world,
    host: 'here',
    underlay: { link: 'eth0', address: '192.0.2.1', mtu: 1500 },
    ...(readWireguard ? { readWireguard } : {}),
  });
  const log = { info: () => {}, warn: () => {} };
  const onBug = (error: unknown): never => {
    throw error;
  };
  const keeper = networkKeeper({ driver, settings: keptIn(kept), clock, log, onBug });
  const passes = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await keeper.settled();
  };
  return { world, kept, keeper, passes };
}

describe('agent/networks: the keeper', () => {
  it('keeps a document before it acts, realises it, and says so', async () => {
    const { world, kept, keeper } = stage();
    await keeper.start();
    assert.equal(keeper.standing.digest, '');
    const heard: string[] = [];
    keeper.onStanding(() => heard.push(keeper.standing.digest));
    world.fail('guards', new Failure('host-timeout', { timeoutS: 1, command: 'nft' }));
    const standing = await keeper.take(WHOLE);
    assert.equal(standing.digest, digestOf('networks', WHOLE));
    assert.deepEqual(standing.underlay, { link: 'eth0', address: '192.0.2.1', mtu: 1500 });
    assert.deepEqual(
      standing.troubles.map(({ what, name }) => `${what} ${name}`),
      ['port 52:54:00:00:00:04'],
    );
    assert.deepEqual(Object.keys(world.state.networks), ['grid']);
    assert.deepEqual(JSON.parse(kept.get('networks') ?? ''), WHOLE);
    assert.deepEqual(heard, [standing.digest]);
    await keeper.stop();
  });

  it('realises at its start what it was given in another life, and removes what nobody wants', async () => {
    const first = stage();
    await first.keeper.start();
    await first.keeper.take(documentOf({ networks: [network('left'), network('stays')] }));
    await first.keeper.stop();
    const kept = new Map([['networks', JSON.stringify(documentOf({ networks: [network('stays'), network('grid')] }))]]);
    const { world, keeper } = stage(first.world, kept);
    await keeper.start();
    assert.deepEqual(Object.keys(world.state.networks).toSorted(), ['grid', 'stays']);
    assert.equal(world.state.effects['make network stays'], 1, 'what was right was left as it was');
    await keeper.stop();
  });

  it('has the mesh before what goes by it, tells how others reach it, and says what is wrong with its key', async () => {
    const mesh = { address: 'fd5e:1::1', mtu: 1420, peers: [] };
    const tunnel = { vni: 7, local: 'fd5e:1::1', peers: ['fd5e:1::2'] };
    const end = { publicKey: Buffer.alloc(32, 1).toString('base64'), port: 51_820, mtu: 1420 };
    const world = fakeNetworkWorld();
    let problem: Failure | undefined;
    const { keeper, passes } = stage(world, undefined, async () => {
      if (problem) throw problem;
      return end;
    });
    await keeper.start();
    const document = documentOf({ networks: [network('grid', { tunnel }), network('lone')], mesh });
    const { wireguard, troubles } = await keeper.take(document);
    assert.deepEqual([wireguard, troubles], [end, []]);
    assert.deepEqual(world.state.mesh, { ...mesh, vnis: [7] });
    assert.deepEqual(Object.keys(world.state.effects), ['make mesh', 'make network grid', 'make network lone']);
    problem = new Failure('network-host', { host: 'here', problem: 'no key' });
    await passes(60_000);
    assert.deepEqual(
      [keeper.standing.wireguard, keeper.standing.troubles.map(({ what }) => what)],
      [undefined, ['mesh']],
    );
    await keeper.take(documentOf({}));
    assert.deepEqual(Object.keys(world.state.effects).slice(-2), ['remove network lone', 'remove mesh']);
    await keeper.stop();
  });

  it('takes what stands on others away first, and makes it last', async () => {
    const { world, keeper } = stage();
    await keeper.start();
    await keeper.take(WHOLE);
    await keeper.take(documentOf({}));
    assert.deepEqual(Object.keys(world.state.effects), [
      ...['guard ports', 'make network grid', 'make look grid', 'make router core'],
      ...['remove router core', 'remove look grid', 'remove network grid'],
    ]);
    await keeper.stop();
  });

  it('acknowledges the same again without doing anything', async () => {
    const { world, keeper } = stage();
    await keeper.start();
    const standing = await keeper.take(WHOLE);
    world.fail('network grid', clash);
    assert.equal(await keeper.take(structuredClone(WHOLE)), standing);
    await keeper.stop();
  });

  it('mends what drifted, a moment after it was told and once a minute', async () => {
    const { world, keeper, passes } = stage();
    await keeper.start();
    await keeper.take(WHOLE);
    world.drift(({ networks }) => delete networks.grid);
    await passes(300);
    assert.deepEqual(Object.keys(world.state.networks), ['grid']);
    delete world.state.looks.grid;
    await passes(60_000);
    assert.deepEqual(Object.keys(world.state.looks), ['grid']);
    await keeper.stop();
  });

  it('does what it can, and tries what failed ever later', async () => {
    const { world, keeper, passes } = stage();
    await keeper.start();
    world.fail('network grid', clash);
    const { troubles } = await keeper.take(documentOf({ networks: [network('grid'), network('other')] }));
    assert.deepEqual(troubles, [{ what: 'network', name: 'grid', problem: clash.message }]);
    assert.deepEqual(Object.keys(world.state.networks), ['other']);
    world.mend('network grid');
    world.drift(() => {});
    await passes(300);
    assert.deepEqual(Object.keys(world.state.networks), ['other'], 'it is too early');
    assert.equal(keeper.standing.troubles.length, 1);
    await passes(1_000);
    assert.deepEqual(Object.keys(world.state.networks).toSorted(), ['grid', 'other']);
    assert.deepEqual(keeper.standing.troubles, []);
    await keeper.stop();
  });

  it('tells what is wrong with a router that was made', async () => {
    const { world, keeper } = stage();
    await keeper.start();
    world.ailing.set('core', ['dnsmasq does not stay up']);
    const { troubles } = await keeper.take(WHOLE);
    assert.deepEqual(troubles, [{ what: 'router', name: 'core', problem: 'dnsmasq does not stay up' }]);
    await keeper.stop();
  });

  it('goes on with the newest of documents that come while it is at work', async () => {
    const { world, keeper } = stage();
    await keeper.start();
    const digests = await Promise.all(
      ['a', 'b', 'c'].map((name) => keeper.take(documentOf({ networks: [network(name)] }))),
    );
    const newest = digestOf('networks', documentOf({ networks: [network('c')] }));
    assert.deepEqual(
      digests.map(({ digest }) => digest),
      [newest, newest, newest],
    );
    assert.deepEqual(Object.keys(world.state.networks), ['c']);
    await keeper.stop();
  });

  it('watches again when its watch breaks', async () => {
    const { world, keeper, passes } = stage();
    await keeper.start();
    await keeper.take(WHOLE);
    world.breakWatches();
    await new Promise(setImmediate);
    assert.equal(world.watchers, 0);
    await passes(1_000);
    await new Promise(setImmediate);
    assert.equal(world.watchers, 1);
    await keeper.stop();
    assert.equal(world.watchers, 0);
  });

  it('says of everything that this host realises no networks, where it does not', async () => {
    const clock = manualClock();
    const log = { info: () => {}, warn: () => {} };
    const onBug = assert.ifError;
    const keeper = networkKeeper({ driver: noNetworks('here'), settings: keptIn(new Map()), clock, log, onBug });
    await keeper.start();
    const { troubles } = await keeper.take(WHOLE);
    assert.deepEqual(troubles.map(({ what }) => what).toSorted(), ['look', 'network', 'port', 'router']);
    for (const { problem } of troubles) assert.match(problem, /realises no networks/);
    assert.deepEqual((await keeper.take(documentOf({}))).troubles, []);
    await keeper.stop();
  });
});
