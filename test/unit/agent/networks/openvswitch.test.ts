import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { type Command, run } from '#agent/exec/run.ts';
import { linuxNetworks } from '#agent/networks/linux/driver.ts';
import type { Link } from '#agent/networks/linux/links.ts';
import { withSwitches } from '#agent/networks/linux/openvswitch/changes.ts';
import {
  type Change,
  parseSwitches,
  type SwitchBridge,
  type Switches,
  type SwitchPort,
} from '#agent/networks/linux/openvswitch/database.ts';
import { flowsOf } from '#agent/networks/linux/openvswitch/flows.ts';
import { type OpenVSwitch, openVSwitch } from '#agent/networks/linux/openvswitch/switch.ts';
import { planNetworks, planRemoval, type Realised, type Step } from '#agent/networks/linux/plan.ts';
import { linuxRouters } from '#agent/networks/linux/router/routers.ts';
import { Failure } from '#shared/errors.ts';
import { type HostNetwork, type HostPort, portLinkOf } from '#shared/model/network.ts';
import { network, port } from '#test/contract/network-driver-contract.ts';

/** As ovs-vsctl 3.1 printed it. */
const recorded = readFileSync(new URL('../../../fixtures/ovs/list.txt', import.meta.url), 'utf8');

describe('agent/networks/linux/openvswitch: what ovs-vsctl prints', () => {
  it('is read: bridges with their mark, and their ports', () => {
    const { ports, ...grid } = parseSwitches(recorded).get('sk-grid')!;
    assert.deepEqual(grid, { name: 'sk-grid', datapath: 'netdev', isOurs: true, isSecure: true, mtu: 1450 });
    const told = ports.map(({ name, isOurs, number }) => [name, isOurs, number !== undefined]);
    assert.deepEqual(told.toSorted(), [
      ['gone0', false, false],
      ['sk525400010203', false, true],
      ['vx-grid', true, true],
    ]);
    const other = parseSwitches(recorded).get('br-ex');
    assert.deepEqual([other?.isOurs, other?.isSecure, other?.mtu], [false, false, undefined]);
    assert.deepEqual(other?.ports, [{ name: 'bond0', isOurs: false }]);
  });

  it('is refused where it is something else, and never breaks the reader', () => {
    const line = fc.oneof(
      fc.jsonValue().map((value) => JSON.stringify(value)),
      fc.jsonValue().map((value) => JSON.stringify({ data: [value] })),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 4 }), (lines) => {
        try {
          parseSwitches(lines.join('\n'));
        } catch (error) {
          assert.ok(error instanceof Failure && error.code === 'host-output', String(error));
        }
      }),
    );
  });
});

const NAMES = ['a', 'b'];
const TAP = portLinkOf(port('a', 4).mac);
const plain = (name: string, kind: string, isOurs: boolean): Link => ({
  ...{ name, kind, isOurs, index: 1, mac: '', isUp: true, mtu: 1450, addresses: [], alias: `Skerry network ${name}` },
});

/** Any state of a host: half made, changed by hand, with bridges of others. */
const ground = fc
  .record({
    bridges: fc.subarray(['sk-a', 'sk-b', 'sk-old', 'br-ex']),
    mtu: fc.constantFrom(1400, 1450),
    isSecure: fc.boolean(),
    kernels: fc.boolean(),
    ends: fc.subarray(['vx-a', 'vx-b']),
    rows: fc.uniqueArray(
      fc.tuple(fc.constantFrom('vx-a', 'vx-b', TAP, 'gone0'), fc.constantFrom('sk-a', 'sk-b', 'br-ex'), fc.boolean()),
      { selector: ([name]) => name },
    ),
    hasTap: fc.boolean(),
  })
  .map(({ bridges, mtu, isSecure, kernels, ends, rows, hasTap }) => {
    const isOurs = (name: string): boolean => name !== 'br-ex';
    const portsOn = (name: string): SwitchPort[] =>
      rows.filter(([, on]) => on === name).map(([port, , ours]) => ({ name: port, isOurs: ours, number: 1 }));
    const switches: Switches = new Map(
      bridges.map((name): [string, SwitchBridge] => [
        name,
        { ...{ name, datapath: 'netdev', mtu, isSecure, isOurs: isOurs(name) }, ports: portsOn(name) },
      ]),
    );
    const links = [
      ...bridges.map((name) => plain(name, 'tun', false)),
      ...ends.map((name) => ({
        ...plain(name, 'vxlan', true),
        vxlan: { vni: 7, local: '192.0.2.1', port: 4789, learning: true },
        alias: `Skerry network ${name.slice(3)}`,
      })),
      ...(hasTap ? [plain(TAP, 'tun', false)] : []),
      ...(kernels && !bridges.includes('sk-a') ? [plain('sk-a', 'bridge', true)] : []),
    ];
    return { links: new Map(links.map((link) => [link.name, link])), switches };
  });
interface State {
  links: ReadonlyMap<string, Link>;
  switches: Switches;
}
const realisedIn = ({ links, switches }: State): Realised => ({
  ...{ links: withSwitches(links, switches), floods: new Map(), speaksV6: new Set() },
  openvswitch: { switches, datapath: 'netdev' },
});

/** What the host does with such steps. @throws Error where it would refuse */
function applied(before: State, steps: readonly Step[]): State {
  const links = new Map([...before.links].map(([name, link]) => [name, structuredClone(link)]));
  const bridges = new Map([...before.switches].map(([name, bridge]) => [name, structuredClone(bridge)]));
  const change = ([word = '', ...words]: Change): void => {
    if (word === '--if-exists' && words[0] === 'del-port')
      for (const [name, bridge] of bridges)
        bridges.set(name, { ...bridge, ports: bridge.ports.filter((each) => each.name !== words[1]) });
    else if (word === '--if-exists' && words[0] === 'del-br') {
      bridges.delete(words[1]!);
      links.delete(words[1]!);
    } else if (word === 'add-br') {
      assert.ok(!links.has(words[0]!), `${words[0]} is there`);
      bridges.set(words[0]!, { ...{ name: words[0]!, datapath: '', isOurs: false, isSecure: false }, ports: [] });
      links.set(words[0]!, plain(words[0]!, 'tun', false));
    } else if (word === '--may-exist') {
      const [, to = '', name = ''] = words;
      assert.ok(links.has(name), `${name} is not there`);
      const on = [...bridges.values()].find(({ ports }) => ports.some((each) => each.name === name));
      assert.ok(!on || on.name === to, `${name} is on ${on?.name}`);
      const bridge = bridges.get(to)!;
      if (!on) bridges.set(to, { ...bridge, ports: [...bridge.ports, { name, isOurs: true, number: 1 }] });
    } else if (word === 'set' && words[0] === 'Bridge') {
      const bridge = bridges.get(words[1]!)!;
      const isMarked = words.includes('external_ids:skerry=network');
      bridges.set(words[1]!, { ...bridge, isSecure: true, isOurs: bridge.isOurs || isMarked });
    } else if (word === 'set' && words[0] === 'Interface')
      bridges.set(words[1]!, { ...bridges.get(words[1]!)!, mtu: Number(words[2]?.split('=')[1]) });
    else assert.equal(word, 'set');
  };
  for (const step of steps)
    if ('changes' in step) step.changes.forEach(change);
    else if ('line' in step && step.tool === 'ip') {
      const words = step.line.split(' ');
      if (words[1] === 'set' && words[4] === 'group')
        links.set(words[3]!, { ...links.get(words[3]!)!, isLeaving: true });
      else if (words[1] === 'del' && words[2] === 'group') {
        for (const link of [...links.values()]) if (link.isLeaving) links.delete(link.name);
      } else if (words[1] === 'del') assert.ok(links.delete(words[3]!), step.line);
      else if (words[1] === 'add')
        links.set(words[3]!, {
          ...plain(words[3]!, 'vxlan', true),
          vxlan: { vni: 7, local: '192.0.2.1', port: 4789, learning: true },
          alias: `Skerry network ${words[3]!.slice(3)}`,
        });
    }
  return { links, switches: bridges };
}

const wanted = fc
  .subarray(NAMES)
  .chain((names) =>
    fc.tuple(
      ...names.map((name) =>
        fc
          .boolean()
          .map(
            (isJoined): HostNetwork =>
              network(name, isJoined ? { tunnel: { vni: 7, local: '192.0.2.1', peers: [] } } : {}),
          ),
      ),
    ),
  );
const foreignIn = ({ switches }: State) => {
  const bridge = switches.get('br-ex');
  return bridge && { ...bridge, ports: bridge.ports.filter(({ isOurs, name }) => !isOurs && !name.startsWith('vx-')) };
};

describe('agent/networks/linux/openvswitch: what is to be done', () => {
  it('leads to what is wanted from anywhere, and then is nothing', () => {
    fc.assert(
      fc.property(ground, wanted, (before, networks) => {
        const ports = [port('a', 4)];
        const after = applied(before, planNetworks(networks, ports, realisedIn(before)));
        assert.deepEqual(planNetworks(networks, ports, realisedIn(after)), []);
        for (const { link, name, tunnel } of networks) {
          const bridge = after.switches.get(link);
          assert.ok(bridge?.isOurs && bridge.isSecure && bridge.mtu === 1450);
          const isOn = bridge.ports.some((each) => each.name === `vx-${name}`);
          assert.equal(isOn, tunnel !== undefined);
        }
        assert.deepEqual(foreignIn(after), foreignIn(before));
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes away what is ours, and nothing else', () => {
    fc.assert(
      fc.property(ground, (before) => {
        const after = applied(before, planRemoval(['a', 'b', 'old'], realisedIn(before)));
        const left = [...after.switches.keys(), ...[...after.links.values()].filter(({ isOurs }) => isOurs)];
        assert.deepEqual(left, before.switches.has('br-ex') ? ['br-ex'] : []);
      }),
    );
  });
});

describe('agent/networks/linux/openvswitch: flows', () => {
  const address = fc.oneof(
    fc.ipV4(),
    fc.ipV6().filter((text) => !text.includes('.')),
  );
  const guest = fc.record({
    n: fc.integer({ min: 1, max: 250 }),
    addresses: fc.uniqueArray(address, { maxLength: 4 }),
  });

  it('are read by ovs-ofctl, whoever the guests are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(guest, { selector: ({ n }) => n, maxLength: 5 }), async (guests) => {
        const ports = guests.map(({ n, addresses }): HostPort => ({ ...port('a', n), addresses }));
        const numbered = ports.map(({ mac }, at) => ({ name: portLinkOf(mac), isOurs: false, number: at + 1 }));
        const bridge: SwitchBridge = { name: 'sk-a', isOurs: true, datapath: '', isSecure: true, ports: numbered };
        const input = flowsOf(bridge, ports);
        const args = ['--protocols=OpenFlow14', 'parse-flows', '-'];
        await run({ file: 'ovs-ofctl', args, input, timeoutMs: 10_000 }, AbortSignal.timeout(10_000));
        for (const [at, { mac, addresses }] of ports.entries()) {
          const own = input.split('\n').filter((line) => line.includes(`in_port=${at + 1},`));
          if (addresses.length > 0)
            assert.ok(own.every((line) => !line.includes('table=0') || !line.endsWith('NORMAL')));
          assert.ok(own.some((line) => line.includes(`dl_src=${mac}`)));
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe('agent/networks/linux/openvswitch: guards', () => {
  it('are known to the flows also where nftables fails: what is set next holds the guests', async () => {
    const done: unknown[] = [];
    const openvswitch: OpenVSwitch = {
      ...openVSwitch(async () => ''),
      hold: (guests) => void done.push(guests),
      keepFlows: async () => void done.push('flows'),
    };
    const broken = async ({ file }: Command): Promise<string> => {
      throw new Failure('host-command', { problem: `${file} does not go` });
    };
    const routers = linuxRouters({ run: broken, host: 'here', folder: '/nowhere', log: { warn: () => {} } });
    const driver = linuxNetworks({ run: broken, host: 'here', folder: '/nowhere', routers, openvswitch });
    const ports = [port('a', 4)];
    await assert.rejects(driver.guardPorts(ports, AbortSignal.timeout(10_000)), /nft does not go/);
    assert.deepEqual(done, [ports]);
  });
});
