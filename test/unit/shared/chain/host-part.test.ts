import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compile, edgesOf } from '#shared/chain/compile.ts';
import { hostPart } from '#shared/chain/host-part.ts';
import { Chain } from '#shared/model/chain.ts';

const chainOf = (nodes: Record<string, object>): Chain => Chain.parse({ chain: 'c', nodes });
const partOf = (nodes: Record<string, object>, host = 'host1'): Record<string, string[]> | undefined => {
  const part = hostPart(chainOf(nodes), host);
  return (
    part &&
    Object.fromEntries(Object.entries(part.nodes).map(([name, { after }]) => [name, after.map((edge) => edge.name)]))
  );
};

describe('the part of a chain that a host can bring up by itself', () => {
  it('is its own guests, without those that wait for something elsewhere, however far down', () => {
    const nodes = {
      venti: { host: 'host1' },
      fossil: { host: 'host1', after: ['venti'] },
      cpu1: { host: 'host2', after: ['fossil'] },
      mail: { host: 'host1', after: ['cpu1'] },
      web: { host: 'host1', after: ['mail'] },
    };
    assert.deepEqual(partOf(nodes), { venti: [], fossil: ['venti'] });
    assert.equal(partOf(nodes, 'host2'), undefined);
    assert.equal(partOf(nodes, 'host3'), undefined);
  });

  it('leaves out what is looked at from elsewhere, and soft needs of what is elsewhere', () => {
    const nodes = {
      a: { host: 'host1', ready: { tcp: 'a:1', from: 'host2' } },
      b: { host: 'host1', ready: { tcp: 'b:1', from: 'host1' } },
      c: { host: 'host1', after: [{ name: 'x', need: 'soft' }, 'b'] },
      x: { host: 'host2' },
      nas: { kind: 'check', ready: { tcp: 'nas:2049', from: 'host1' } },
      d: { host: 'host1', after: ['nas'] },
    };
    assert.deepEqual(partOf(nodes), { b: [], c: ['b'], nas: [], d: ['nas'] });
  });

  it('has networks and routers that the host has, and what is looked at from its legs', () => {
    const nodes = {
      lan: { kind: 'network' },
      core: { kind: 'router', after: ['lan'] },
      venti: { host: 'host1', after: ['core'], ready: { tcp: 'venti:1', network: 'lan' } },
      other: { kind: 'network', host: 'host1' },
      fossil: { host: 'host1', after: ['other'] },
    };
    const chain = chainOf(nodes);
    const named = (name: string) => (each: string) => each === name;
    const namesOf = (has: Parameters<typeof hostPart>[2]) => Object.keys(hostPart(chain, 'host1', has)?.nodes ?? {});
    assert.deepEqual(namesOf(undefined), []);
    const all = { network: named('lan'), router: named('core'), leg: named('lan') };
    assert.deepEqual(namesOf(all), ['lan', 'core', 'venti']);
    assert.deepEqual(namesOf({ ...all, leg: () => false }), [], 'it cannot look from there');
    assert.deepEqual(namesOf({ ...all, router: () => false }), [], 'the router is elsewhere');
  });

  it('has its own exports, and those alone are worth a start', () => {
    const exported = { kind: 'export', host: 'host1', export: { volume: 'root.raw' } };
    assert.deepEqual(partOf({ root: exported, cpu1: { host: 'host2', after: ['root'] } }), { root: [] });
    assert.equal(partOf({ root: exported }, 'host2'), undefined);
    const seen = { ...exported, ready: { nbd: 'nbd://10.0.0.1:10809/root.raw', from: 'host2' } };
    assert.equal(partOf({ root: seen }), undefined, 'another host has to see it');
  });

  it('keeps what members wait for by their groups, also where the group is left out', () => {
    const nodes = {
      base: { host: 'host1' },
      g: { kind: 'group', members: ['m', 'n'], after: ['base'], 'at-once': 1 },
      m: { host: 'host1' },
      n: { host: 'host2' },
      o: { host: 'host1', after: ['g'] },
    };
    assert.deepEqual(partOf(nodes), { base: [], m: ['base'] });
    assert.deepEqual(partOf({ ...nodes, n: { host: 'host1' } }), {
      base: [],
      g: ['base'],
      m: ['base'],
      n: ['base'],
      o: ['g'],
    });
  });

  it('is whole in itself, and as large as can be', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const chain = fc
      .tuple(
        ...names.map((_, at) =>
          fc.record({ host: fc.constantFrom('host1', 'host2'), after: fc.subarray(names.slice(0, at)) }),
        ),
      )
      .map((nodes) => chainOf(Object.fromEntries(nodes.map((node, at) => [names[at] as string, node]))));
    fc.assert(
      fc.property(chain, (whole) => {
        const part = hostPart(whole, 'host1');
        const inside = new Set(Object.keys(part?.nodes ?? {}));
        if (part) assert.equal(compile(part).nodes.length, inside.size);
        for (const [name, edges] of edgesOf(whole)) {
          const isOwn = whole.nodes[name]?.host === 'host1';
          assert.equal(inside.has(name), isOwn && edges.every((edge) => inside.has(edge.name)), name);
        }
      }),
    );
  });
});
