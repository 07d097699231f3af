import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { HOSTS } from '#provisioning/rig/plan.ts';
import { readChain } from '#shared/chain/chain-file.ts';
import { compile } from '#shared/chain/compile.ts';
import { plan } from '#shared/chain/plan.ts';
import type { Fact } from '#shared/chain/run.ts';
import type { Chain } from '#shared/model/chain.ts';
import { virtualRun } from '#test/unit/support/virtual-run.ts';

const FOLDER = new URL('../../../provisioning/chains/', import.meta.url);
const chainIn = (file: string): Chain => readChain(readFileSync(new URL(file, FOLDER), 'utf8'), file);

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

  it('the grid starts the archive, the file server, then both processors', () => {
    assert.deepEqual(wavesOf(chainIn('grid.yaml'), 'up', 'down'), [['venti'], ['fossil'], ['cpu1', 'cpu2']]);
    assert.deepEqual(wavesOf(chainIn('grid.yaml'), 'down', 'up'), [['cpu1', 'cpu2'], ['fossil'], ['venti']]);
  });

  it('the grid is made of the guests of the rig, on their hosts and at their addresses', () => {
    const { nodes } = chainIn('grid.yaml');
    const planned = HOSTS.flatMap(({ name: host, guests }) => guests.map(({ name, address }) => [name, host, address]));
    const told = Object.entries(nodes).map(([name, { host, ready }]) => [
      name,
      host,
      ready?.tests[0]?.tcp?.split(':')[0],
    ]);
    assert.deepEqual(told.toSorted(), planned.toSorted());
  });

  it('the grid dials where its guests serve, and waits for what each of them dials', () => {
    const { nodes } = chainIn('grid.yaml');
    const dialled = (name: string): string | undefined => nodes[name]?.ready?.tests[0]?.tcp;
    for (const { name, address, serve, dial } of HOSTS.flatMap(({ guests }) => guests)) {
      assert.equal(dialled(name), `${address}:${serve}`);
      assert.deepEqual(
        nodes[name]?.after.map((edge) => dialled(edge.name)),
        dial === undefined ? [] : [dial],
      );
    }
  });

  it('the private cloud starts infrastructure, SANs, and three levels of services', () => {
    const chain = chainIn('alpine.yaml');
    assert.deepEqual(wavesOf(chain, 'up', 'down'), [
      ['lan1', 'lan2', 'uplink'],
      ['infra'],
      ['san1', 'san2'],
      ['dns1', 'dns2', 'http', 'nfs'],
      ['ldap1'],
      ['ldap2'],
      ['mail', 'sql1', 'syslog', 'xmpp'],
      ['sql2'],
      ['backup', 'console', 'metrics', 'web1', 'web2', 'wiki'],
    ]);
    assert.equal(Object.values(chain.nodes).filter(({ kind }) => kind === 'guest').length, 20);
  });
});
