import assert from 'node:assert/strict';
import { IDLE_MS } from '#central/networks/held-looks.ts';
import { createNetwork } from '#central/networks/network-changes.ts';
import { callOf, isFailure, type Scene, sceneOf, settled } from './scene.ts';

describe('a leg from which hosts look', () => {
  let scene: Scene;
  let asked = 0;
  const look = (host = 'host1'): Promise<Disposable> => scene.networks.lookFrom('lan', host, callOf(`look ${++asked}`));
  const legsOf = (host: string) => scene.last(host).looks.map(({ network }) => network);
  const pass = async (ms: number): Promise<void> => {
    scene.clock.advance(ms);
    await settled();
  };

  beforeEach(async () => {
    scene = await sceneOf({ host1: [], host2: [] });
    const lan = {
      name: 'lan',
      kind: 'isolated',
      subnets: ['10.99.0.0/24'],
      mtu: 1450,
      domain: null,
      level: 0,
    } as const;
    await scene.networks.make(callOf('lan'), (state) =>
      createNetwork(
        state,
        { ...lan, link: null, hosts: ['host1'], by: 'ann@skerry.test', at: '2026-01-01T00:00:00Z' },
        () => 0.5,
      ),
    );
  });
  afterEach(() => scene.networks.stop());

  it('is made for who looks first, and serves all others', async () => {
    await Promise.all([look(), look()]);
    assert.deepEqual(legsOf('host1'), ['lan']);
    await look();
    assert.equal(scene.networks.state.looks.size, 1);
  });

  it('stays while anybody holds it, and a while longer; then its address and MAC are free', async () => {
    const [one, other] = [await look(), await look()];
    one[Symbol.dispose]();
    one[Symbol.dispose]();
    await pass(2 * IDLE_MS);
    assert.deepEqual(legsOf('host1'), ['lan'], 'the other holds it');
    other[Symbol.dispose]();
    await pass(IDLE_MS - 60_000);
    assert.deepEqual(legsOf('host1'), ['lan']);
    await pass(120_000);
    assert.deepEqual(legsOf('host1'), []);
    assert.equal(scene.networks.state.looks.size, 0);
    await look();
    assert.deepEqual(legsOf('host1'), ['lan'], 'it is made again');
  });

  it('takes its network from a host that has it for nothing else', async () => {
    const leg = await look('host2');
    assert.equal(scene.last('host2').networks.length, 1);
    leg[Symbol.dispose]();
    await pass(IDLE_MS + 60_000);
    assert.deepEqual(scene.last('host2').networks, []);
  });

  it('goes when nobody asks for it in a second life of central, and stays for whoever does', async () => {
    await look('host1');
    await look('host2');
    scene = await scene.again();
    await look('host1');
    await pass(IDLE_MS + 60_000);
    assert.deepEqual([...scene.networks.state.looks.keys()], ['lan host1']);
  });

  it('is there for who asks while it is being taken away', async () => {
    (await look())[Symbol.dispose]();
    scene.clock.advance(IDLE_MS + 60_000);
    await look();
    await settled();
    assert.equal(scene.networks.state.looks.size, 1);
    assert.deepEqual(legsOf('host1'), ['lan']);
  });

  it('is held by nobody where it could not be made', async () => {
    const host1 = scene.hosts.host1 as Scene['hosts'][string];
    host1.troubles = ({ looks }) => looks.map(({ network }) => ({ what: 'look', name: network, problem: 'busy' }));
    await assert.rejects(look(), isFailure('network-host', /busy/));
    host1.troubles = () => [];
    (await look())[Symbol.dispose]();
    await pass(IDLE_MS + 60_000);
    assert.equal(scene.networks.state.looks.size, 0);
  });
});
