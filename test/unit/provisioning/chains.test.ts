import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { unsupportedIn } from '#central/chains/unsupported.ts';
import { HOSTS, NETWORK, ROUTER } from '#provisioning/rig/plan.ts';
import { withCloud } from '#provisioning/rig/plan-cloud.ts';
import { readChain } from '#shared/chain/chain-file.ts';
import { compile } from '#shared/chain/compile.ts';
import { plan } from '#shared/chain/plan.ts';
import type { Fact } from '#shared/chain/run.ts';
import type { Chain } from '#shared/model/chain.ts';
import { virtualRun } from '#test/unit/support/virtual-run.ts';

const FOLDER = new URL('../../../provisioning/chains/', import.meta.url);
const chainIn = (file: string): Chain => readChain(readFileSync(new URL(file, FOLDER), 'utf8'), file);

const guestsIn = (file: string): [string, Chain['nodes'][string]][] =>
  Object.entries(chainIn(file).nodes).filter(([, { kind }]) => kind === 'guest');

function wavesOf(chain: Chain, goal: 'up' | 'down', state: Fact['state']): string[][] {
  const graph = compile(chain);
  const facts = new Map(graph.nodes.map(({ name }): [string, Fact] => [name, { state }]));
  const planned = plan(graph, { goal, part: [], facts, history: new Map(), others: [], now: 0 });
  return planned.waves.map((wave) => wave.toSorted());
}

describe('the chains that come with Skerry', () => {
  for (const file of readdirSync(FOLDER))
    it(`${file} is right, and comes up and goes down when nothing goes wrong`, () => {
      const graph = compile(chainIn(file));
      for (const goal of ['up', 'down'] as const)
        assert.equal(virtualRun(graph, { goal, tookMs: () => 1_000 }).run.outcome, 'done');
    });

  it('the grid starts its network, the way out, the archive, the file server, then both processors', () => {
    const waves = [[NETWORK.name], [ROUTER.name], ['venti'], ['fossil'], ['cpu1', 'cpu2']];
    assert.deepEqual(wavesOf(chainIn('grid.yaml'), 'up', 'down'), waves);
    assert.deepEqual(wavesOf(chainIn('grid.yaml'), 'down', 'up'), waves.toReversed());
  });

  it('the grid is the network, the router and the guests of the rig, each guest on its host', () => {
    const told = Object.entries(chainIn('grid.yaml').nodes).map(([name, { kind, host }]) => [name, kind, host]);
    const planned = [
      [NETWORK.name, 'network', undefined],
      [ROUTER.name, 'router', undefined],
      ...HOSTS.flatMap(({ name: host, guests }) => guests.map(({ name }) => [name, 'guest', host])),
    ];
    assert.deepEqual(told.toSorted(), planned.toSorted());
  });

  it('the grid looks from its network where its guests serve, and waits for what each of them dials', () => {
    const { nodes } = chainIn('grid.yaml');
    const lookAt = (name: string) => nodes[name]?.ready?.tests[0];
    const addressOf = (name: string): string | undefined => lookAt(name)?.tcp;
    for (const { name, address, serve, dial } of HOSTS.flatMap(({ guests }) => guests)) {
      assert.deepEqual([addressOf(name), lookAt(name)?.network], [`${address}:${serve}`, NETWORK.name]);
      const before = nodes[name]?.after.map((edge) => addressOf(edge.name) ?? edge.name);
      assert.deepEqual(before, [dial ?? ROUTER.name]);
    }
  });

  it('the private cloud starts infrastructure, SANs, and three levels of services', () => {
    const chain = chainIn('alpine.yaml');
    assert.deepEqual(wavesOf(chain, 'up', 'down'), [
      ['cloud'],
      ['edge'],
      ['infra', 'outside'],
      ['san1', 'san2'],
      ['dns1', 'dns2', 'http', 'nfs'],
      ['ldap1'],
      ['ldap2'],
      ['mail', 'sql1', 'syslog', 'xmpp'],
      ['sql2'],
      ['backup', 'console', 'metrics', 'web1', 'web2', 'wiki'],
    ]);
  });

  it('the private cloud is made of the twenty guests that the rig has for it, on their hosts', () => {
    const planned = withCloud([
      { name: 'host1', address: '', guests: [], zones: [] },
      { name: 'host2', address: '', guests: [], zones: [] },
    ]);
    const there = planned.flatMap(({ name: host, guests }) => guests.map(({ name }) => [name, host]));
    const told = guestsIn('alpine.yaml').map(([name, { host }]) => [name, host]);
    assert.deepEqual(told.toSorted(), there.toSorted());
    assert.equal(told.length, 20);
  });

  it('the private cloud tells no guest to dial one that the chain does not bring up before it', () => {
    const graph = compile(chainIn('alpine.yaml'));
    const needs = (name: string): Set<string> => {
      const direct =
        graph.nodes[graph.places.get(name) ?? -1]?.after.map(({ at }) => graph.nodes[at]?.name ?? '') ?? [];
      return new Set(direct.flatMap((each) => [each, ...needs(each)]));
    };
    for (const [name, { params }] of guestsIn('alpine.yaml')) {
      const [, dialled, port] = /^(\w+):(\d+)$/u.exec(params['skerry.dial'] ?? '') ?? [];
      if (dialled === undefined) continue;
      assert.ok(needs(name).has(dialled), `${name} waits for ${dialled}`);
      assert.equal(
        graph.nodes[graph.places.get(dialled) ?? -1]?.spec.params['skerry.serve'],
        port,
        `${name}: ${dialled}`,
      );
    }
  });

  it('what comes with Skerry is taken by chain set', () => {
    for (const file of readdirSync(FOLDER)) assert.deepEqual(unsupportedIn(chainIn(file)), [], file);
  });
});
