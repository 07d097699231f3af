import assert from 'node:assert/strict';
import { missingOf } from '#central/chains/facts.ts';
import { networkNodes } from '#central/chains/network-nodes.ts';
import type { SiteNetwork, SiteRouter } from '#central/networks/state.ts';
import { withRow } from '#central/networks/state.ts';
import { compile } from '#shared/chain/compile.ts';
import { Chain } from '#shared/model/chain.ts';
import { callOf, guestOf, type Scene, sceneOf, settled } from '../networks/scene.ts';

const NODES = { lan: { kind: 'network' }, core: { kind: 'router' }, nowhere: { kind: 'network' }, web1: {} };
const CHAIN = Chain.parse({ chain: 'c', nodes: NODES });
const graph = compile(CHAIN);
const nodeOf = (name: string) => graph.nodes[graph.places.get(name) ?? -1] ?? assert.fail(name);
const lan: SiteNetwork = {
  ...{ name: 'lan', kind: 'isolated', subnets: ['10.9.0.0/24'], mtu: 1450, domain: null, level: 0, link: null },
  ...{ vni: 7, wanted: 'up', hosts: ['host1', 'host2'], by: 'ann@skerry.test', at: '2026-01-01T00:00:00Z' },
};
const core: SiteRouter = {
  ...{ name: 'core', host: 'host2', heldBy: 'host2', outside: null, pools: [], dns: [], own: null, wanted: 'up' },
  legs: [{ network: 'lan', mac: '06:53:00:ff:00:01', addresses: ['10.9.0.1/24'] }],
  ...{ by: 'ann@skerry.test', at: '2026-01-01T00:00:00Z' },
};
const underlay = (last: number) => ({ link: 'eth1', address: `192.0.2.${last}`, mtu: 1500 });

async function stage(may = true) {
  const scene = await sceneOf({ host1: [guestOf('web1')], host2: [] });
  for (const [name, last] of [
    ['host1', 1],
    ['host2', 2],
  ] as const) {
    const host = scene.hosts[name] ?? assert.fail();
    host.underlay = underlay(last);
    await scene.heard(name);
  }
  const notes: string[] = [];
  const nodes = networkNodes({
    networks: scene.networks,
    may: () => may,
    trail: { keep: async ({ verb, outcome }) => void notes.push(`${verb} ${outcome}`) },
    clock: scene.clock,
  });
  let serial = 0;
  const carry = (name: string, verb: 'start' | 'stop') => {
    const operation = { id: `run/${name}/${++serial}`, verb, force: false, sentAt: 0 };
    return nodes.carry(nodeOf(name), { node: name, operation }, 'ann@skerry.test', new AbortController().signal);
  };
  return { scene, nodes, notes, carry, fact: (name: string, isEnding = false) => nodes.factOf(nodeOf(name), isEnding) };
}

const make = async ({ networks }: Scene): Promise<void> => {
  await networks.take(callOf('make'), (state) => withRow(withRow(state, 'networks', lan), 'routers', core));
  await settled();
};

describe('networks and routers as nodes of chains', () => {
  const stops: (() => void)[] = [];
  afterEach(() => {
    for (const stop of stops.splice(0)) stop();
  });
  const staged = async (may?: boolean) => {
    const made = await stage(may);
    stops.push(() => made.scene.networks.stop());
    return made;
  };

  it('are up when every host has taken them and has no trouble, and say in words why not', async () => {
    const { scene, fact } = await staged();
    assert.deepEqual(fact('lan'), { state: 'down', why: 'there is no network lan: network create lan …' });
    assert.deepEqual(fact('core'), { state: 'down', why: 'there is no router core: router create core …' });
    assert.equal(fact('web1'), undefined, 'a guest is another one’s');
    await make(scene);
    assert.deepEqual(fact('lan'), { state: 'up' });
    assert.deepEqual(fact('core'), { state: 'up' });
    const host2 = scene.hosts.host2 ?? assert.fail();
    host2.troubles = () => [{ what: 'network', name: 'lan', problem: 'there is a link sk-lan' }];
    await scene.networks.take(callOf('mtu'), (state) => withRow(state, 'networks', { ...lan, mtu: 1400 }));
    assert.deepEqual(fact('lan'), { state: 'down', why: 'host2: there is a link sk-lan' });
    assert.deepEqual(fact('lan', true), { state: 'up' }, 'it is there to be stopped');
    assert.deepEqual(fact('core'), { state: 'up' });
  });

  it('are told as missing where nobody made them, as guests are that are nowhere', async () => {
    const { scene, nodes } = await staged();
    const ghost = compile(Chain.parse({ chain: 'c', nodes: { ...NODES, ghost: {} } }));
    const missing = () => missingOf({ site: scene.site, managed: nodes }, ghost.nodes);
    assert.deepEqual(missing().sort(), [
      'core: there is no router core: router create core …',
      'ghost: there is no such guest',
      'lan: there is no network lan: network create lan …',
      'nowhere: there is no network nowhere: network create nowhere …',
    ]);
    await make(scene);
    scene.site.lose('host2', 'no answer');
    assert.deepEqual(missing(), ['nowhere: there is no network nowhere: network create nowhere …']);
  });

  it('are told as missing with a host that nobody knows, as after a mistyped name, and not with one that is silent', async () => {
    const { scene, nodes } = await staged();
    const asked = { far: { kind: 'host' }, web1: { host: 'hots1' }, web2: { host: 'host2' }, host2: { kind: 'host' } };
    const { nodes: graphed } = compile(Chain.parse({ chain: 'c', nodes: asked }));
    scene.site.lose('host2', 'no answer');
    const missing = missingOf({ site: scene.site, managed: nodes }, graphed);
    assert.deepEqual(missing.sort(), ['far: there is no host far', 'web1: there is no host hots1']);
  });

  it('are unknown while a host is not heard', async () => {
    const { scene, fact } = await staged();
    await make(scene);
    scene.site.lose('host2', 'no answer');
    assert.equal(fact('lan')?.state, 'unknown');
    assert.match(fact('lan')?.why ?? '', /^host2: /);
  });

  it('are stopped and started on behalf of who ordered it, once, and told in the trail', async () => {
    const { scene, notes, carry, fact } = await staged();
    await make(scene);
    const stopping = carry('core', 'stop');
    await Promise.resolve();
    assert.deepEqual(fact('core'), { state: 'up' }, 'its host has it until it has answered');
    assert.deepEqual(await stopping, { ok: true });
    assert.deepEqual(scene.last('host2').routers, []);
    assert.deepEqual(fact('core'), { state: 'down', why: 'it is stopped: router start core' });
    assert.deepEqual(await carry('lan', 'stop'), { ok: true });
    assert.deepEqual(scene.last('host1').networks, []);
    assert.deepEqual(await carry('lan', 'start'), { ok: true });
    assert.deepEqual(await carry('core', 'start'), { ok: true });
    assert.deepEqual(
      scene.last('host2').routers.map(({ name }) => name),
      ['core'],
    );
    assert.deepEqual(notes, ['router.stop done', 'network.stop done', 'network.start done', 'router.start done']);
  });

  it('say why they cannot be started', async () => {
    const { scene, carry } = await staged();
    const missing = await carry('nowhere', 'start');
    assert.deepEqual(missing?.ok, false);
    assert.match(missing?.ok ? '' : (missing?.problem ?? ''), /no network nowhere.*network create nowhere/);
    assert.deepEqual(await carry('nowhere', 'stop'), { ok: true }, 'what is not there is down');
    await make(scene);
    const host1 = scene.hosts.host1 ?? assert.fail();
    host1.troubles = () => [{ what: 'network', name: 'lan', problem: 'no room' }];
    await carry('lan', 'stop');
    assert.deepEqual(await carry('lan', 'start'), { ok: false, problem: 'host1: no room' });
    const refused = await staged(false);
    const answer = await refused.carry('lan', 'start');
    assert.deepEqual(answer, { ok: false, problem: 'ann@skerry.test may not network.start lan' });
  });

  it('are looked at from the host of the router, and the first that realises the network', async () => {
    const { scene, nodes } = await staged();
    await make(scene);
    assert.equal(nodes.hostOf('router', 'core'), 'host2');
    assert.equal(nodes.hostOf('network', 'lan'), 'host1');
    assert.equal(nodes.hostOf('network', 'nowhere'), undefined);
    assert.equal(nodes.hostOf('guest', 'lan'), undefined);
  });

  it('tell when something of them may be another', async () => {
    const { scene, nodes } = await staged();
    let count = 0;
    nodes.onChange(() => count++);
    await make(scene);
    assert.ok(count > 0);
  });
});
