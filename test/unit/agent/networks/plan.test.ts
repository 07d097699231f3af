import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import type { Link } from '#agent/networks/linux/links.ts';
import { planNetworks, planRemoval, planUndo, type Realised, type Step } from '#agent/networks/linux/plan.ts';
import type { HostNetwork } from '#shared/model/network.ts';

/** What is of no account here. */
const PLAIN = { index: 1, mac: '', addresses: [] };
const NAMES = ['a', 'b'];
const PEERS = ['192.0.2.2', '192.0.2.3', '192.0.2.4'];
const mtu = fc.constantFrom(1400, 1450);

const networkOf = (name: string): fc.Arbitrary<HostNetwork> =>
  fc
    .record({
      mtu,
      tunnel: fc.option(
        fc.record({
          vni: fc.constantFrom(7, 8),
          local: fc.constantFrom('192.0.2.1', '192.0.2.9'),
          peers: fc.subarray(PEERS),
        }),
      ),
    })
    .map(({ mtu, tunnel }) => ({
      ...{ name, kind: 'isolated', link: `sk-${name}`, mtu },
      ...(tunnel ? { tunnel } : {}),
    }));
const networks = fc.subarray(NAMES).chain((names) => fc.tuple(...names.map(networkOf)));

const partOf = (name: string) =>
  fc.record({
    bridge: fc.option(
      fc.record({
        mtu,
        isUp: fc.boolean(),
        isLeaving: fc.boolean(),
        alias: fc.constantFrom('', `Skerry network ${name}`),
        isSnooping: fc.boolean(),
        forwardDelay: fc.constantFrom(0, 1500),
      }),
    ),
    end: fc.option(
      fc.record({
        ...{
          mtu,
          isUp: fc.boolean(),
          isLeaving: fc.boolean(),
          vni: fc.constantFrom(7, 8),
          port: fc.constantFrom(4789, 8472),
          learning: fc.boolean(),
        },
        ...{ master: fc.option(fc.constantFrom(`sk-${name}`, 'other0')), floods: fc.subarray(PEERS) },
      }),
    ),
    speaks: fc.boolean(),
  });

/** Any state of a host in which nobody else has a name of ours: half made, changed by hand, of another document. */
const realised: fc.Arbitrary<Realised> = fc
  .tuple(partOf('a'), partOf('b'), fc.constantFrom('sk-a', 'other0', undefined))
  .map(([a, b, master]) => {
    const links = new Map<string, Link>([
      ['other0', { ...PLAIN, name: 'other0', kind: 'bridge', isOurs: false, isUp: true, mtu: 1500 }],
    ]);
    const floods = new Map<string, Set<string>>();
    const speaksV6 = new Set<string>();
    for (const [at, { bridge, end, speaks }] of [a, b].entries()) {
      const name = NAMES[at] ?? '';
      if (bridge) {
        const { forwardDelay, isSnooping, ...rest } = bridge;
        links.set(`sk-${name}`, {
          ...PLAIN,
          ...rest,
          name: `sk-${name}`,
          kind: 'bridge',
          isOurs: true,
          bridge: { forwardDelay, isSnooping },
        });
        if (speaks) speaksV6.add(`sk-${name}`);
      }
      if (end) {
        const { vni, port, learning, master, floods: known, ...rest } = end;
        links.set(`vx-${name}`, {
          ...{
            ...PLAIN,
            ...rest,
            name: `vx-${name}`,
            kind: 'vxlan',
            isOurs: true,
            vxlan: { vni, port, learning, local: '192.0.2.1' },
          },
          ...(master === null ? {} : { master }),
        });
        floods.set(`vx-${name}`, new Set(known));
        if (speaks) speaksV6.add(`vx-${name}`);
      }
    }
    const tap = 'sk525400000001';
    links.set(tap, {
      ...PLAIN,
      name: tap,
      kind: 'tun',
      isOurs: false,
      isUp: true,
      mtu: 1500,
      ...(master ? { master } : {}),
    });
    return { links, floods, speaksV6 };
  });

const PORTS = [{ network: 'a', mac: '52:54:00:00:00:01', guest: 'g', addresses: [] }];

/** What the kernel does with such steps, as far as they go here. @throws Error where it would refuse */
function applied(before: Realised, steps: readonly Step[]): Realised {
  const links = new Map([...before.links].map(([name, link]) => [name, structuredClone(link)]));
  const floods = new Map([...before.floods].map(([name, known]) => [name, new Set(known)]));
  const speaksV6 = new Set(before.speaksV6);
  const at = (name: string): Link => {
    const link = links.get(name);
    if (!link) throw new Error(`there is no ${name}`);
    return link;
  };
  for (const step of steps) {
    if (step.tool === 'mute') {
      at(step.link);
      speaksV6.delete(step.link);
      continue;
    }
    if (!('line' in step)) throw new Error(`${step.tool} is of Open vSwitch`);
    const words: string[] = step.line.match(/"[^"]*"|\S+/g) ?? [];
    const after = (word: string): string | undefined => words[words.indexOf(word) + 1];
    const has = (word: string): boolean => words.includes(word);
    if (step.tool === 'bridge') {
      const known = floods.get(at(after('dev')!).name) ?? new Set();
      if (words[1] === 'del') assert.ok(known.delete(after('dst')!));
      else known.add(after('dst')!);
      floods.set(after('dev')!, known);
    } else if (words[1] === 'add') {
      const name = after('name')!;
      assert.ok(!links.has(name) && has('group'), step.line);
      const link: Link = {
        ...PLAIN,
        name,
        kind: after('type')!,
        isOurs: after('group') === '21323',
        isUp: false,
        mtu: Number(after('mtu')),
        ...(has('master') ? { master: at(after('master')!).name } : {}),
      };
      if (link.kind === 'bridge') link.bridge = { forwardDelay: 0, isSnooping: false };
      else
        link.vxlan = {
          vni: Number(after('id')),
          local: after('local')!,
          port: Number(after('dstport')),
          learning: has('learning'),
        };
      links.set(name, link);
      speaksV6.add(name);
    } else if (words[1] === 'del') {
      const gone = has('group') ? [...links.values()].filter(({ isLeaving }) => isLeaving) : [at(after('dev')!)];
      assert.ok(gone.length > 0, 'ip fails where a group is empty');
      for (const { name } of gone) {
        links.delete(name);
        floods.delete(name);
      }
    } else {
      const link = at(after('dev')!);
      if (has('group')) link.isLeaving = after('group') === '21324';
      if (has('mtu')) link.mtu = Number(after('mtu'));
      if (has('alias')) link.alias = after('alias')!.replaceAll('"', '');
      if (has('master')) link.master = at(after('master')!).name;
      if (has('forward_delay')) link.bridge = { forwardDelay: 0, isSnooping: false };
      if (words.at(-1) === 'up') link.isUp = true;
    }
  }
  return { links, floods, speaksV6 };
}

describe('agent/networks/linux: the plan', () => {
  it('makes of any state what is wanted, and is nothing then', () => {
    fc.assert(
      fc.property(networks, realised, (wanted, before) => {
        const now = applied(before, planNetworks(wanted, PORTS, before));
        assert.deepEqual(planNetworks(wanted, PORTS, now), []);
        for (const { link, mtu, name, tunnel } of wanted) {
          assert.equal(now.links.get(link)?.mtu, mtu);
          assert.ok(now.links.get(link)?.isUp && !now.speaksV6.has(link));
          assert.equal(now.links.get(link)?.alias, `Skerry network ${name}`);
          const end = now.links.get(`vx-${name}`);
          assert.equal(end?.vxlan?.vni, tunnel?.vni);
          assert.equal(end?.master, tunnel && link);
          assert.ok(!now.links.get(link)?.isLeaving && !(tunnel && end?.isLeaving), 'it stays');
          if (tunnel) assert.deepEqual([...(now.floods.get(`vx-${name}`) ?? [])].toSorted(), tunnel.peers.toSorted());
        }
      }),
    );
  });

  it('can be cut off at any step, and begun anew', () => {
    fc.assert(
      fc.property(networks, realised, fc.nat(), (wanted, before, n) => {
        const steps = planNetworks(wanted, PORTS, before);
        const half = applied(before, steps.slice(0, n % (steps.length + 1)));
        const now = applied(half, planNetworks(wanted, PORTS, half));
        assert.deepEqual(planNetworks(wanted, PORTS, now), []);
      }),
    );
  });

  it('touches nothing without the mark, but a port that is on no bridge', () => {
    fc.assert(
      fc.property(networks, realised, (wanted, before) => {
        const steps = [...planNetworks(wanted, PORTS, before), ...planRemoval(NAMES, before)];
        const now = [...planNetworks(wanted, PORTS, before)].reduce((all, step) => applied(all, [step]), before);
        assert.deepEqual(now.links.get('other0'), before.links.get('other0'));
        const tap = before.links.get('sk525400000001');
        if (tap?.master !== undefined) assert.deepEqual(now.links.get(tap.name), tap);
        assert.ok(steps.every((step) => !('line' in step && /dev other0/.test(step.line))));
      }),
    );
  });

  it('removes what is named, whole or half removed before, and leaves what else is there', () => {
    const foreign = fc.boolean();
    fc.assert(
      fc.property(fc.subarray(NAMES), realised, foreign, fc.nat(), (names, before, isOtherLeaving, n) => {
        const other = before.links.get('other0');
        if (other && isOtherLeaving) other.isLeaving = true;
        const steps = planRemoval(names, before);
        const half = applied(before, steps.slice(0, n % (steps.length + 1)));
        const now = applied(half, planRemoval(names, half));
        const isOf = (link: string): boolean => names.some((name) => link === `sk-${name}` || link === `vx-${name}`);
        const left = [...before.links.keys()].filter((link) => !isOf(link));
        assert.deepEqual([...now.links.keys()], left);
      }),
    );
  });

  it('removes many networks in groups, each of a bounded size', () => {
    const links = new Map<string, Link>();
    for (let at = 0; at < 200; at++)
      links.set(`sk-n${at}`, {
        ...PLAIN,
        name: `sk-n${at}`,
        kind: 'bridge',
        isOurs: true,
        isUp: true,
        mtu: 1450,
        isLeaving: at < 3,
      });
    const before: Realised = { links, floods: new Map(), speaksV6: new Set() };
    const steps = planRemoval(
      [...links.keys()].map((name) => name.slice(3)),
      before,
    );
    assert.equal(steps.filter((step) => 'line' in step && step.line.startsWith('link del group')).length, 4);
    assert.equal(applied(before, steps).links.size, 0);
  });

  it('is undone: what came since goes, and what was there stays', () => {
    fc.assert(
      fc.property(networks, realised, fc.nat(), (wanted, before, n) => {
        const steps = planNetworks(wanted, PORTS, before).filter(
          (step) => !('line' in step && step.line.startsWith('link del')),
        );
        const names = wanted.map(({ name }) => name);
        let now: Realised;
        try {
          now = applied(before, steps.slice(0, n % (steps.length + 1)));
        } catch {
          return; // a tunnel's end that had to go first is still in the way
        }
        const undone = applied(now, planUndo(names, before, now));
        assert.deepEqual([...undone.links.keys()].toSorted(), [...before.links.keys()].toSorted());
      }),
    );
  });
});
