import assert from 'node:assert/strict';
import { after, before, describe, it } from 'mocha';
import type { NetworkDriver } from '#agent/networks/driver.ts';
import { eui64 } from '#shared/model/address.ts';
import { portLinkOf } from '#shared/model/network.ts';
import { network, port } from '../network-driver-contract.ts';
import { arp, icmp6, tagged, udp } from './frames.ts';
import { sh } from './host.ts';
import { passed } from './wire.ts';

const held = port('grid', 4);
const free = { ...port('grid', 6), addresses: [] };
const { mac } = held;
const [four = '', six = ''] = held.addresses;
const local = eui64('fe80::/64', mac);
const OTHER = '52:54:00:00:00:63';
const own = { mac, address: four };

const GOOD = {
  'udp over ipv4': (name: string) => udp(name, mac, four),
  'udp over ipv6': (name: string) => udp(name, mac, six),
  'link local': (name: string) => udp(name, mac, local),
  'dhcp question': (name: string) => udp(name, mac, '0.0.0.0', 68, 67),
  'arp question': (name: string) => arp(name, mac, own),
  'arp answer': (name: string) => arp(name, mac, own, 2),
  'arp probe': (name: string) => arp(name, mac, { mac, address: '0.0.0.0' }),
  'duplicate detection': (name: string) => icmp6(name, mac, '::', 135, six),
  'router wanted': (name: string) => icmp6(name, mac, '::', 133, '::'),
  'own neighbour': (name: string) => icmp6(name, mac, six, 136, six),
  'own link local neighbour': (name: string) => icmp6(name, mac, local, 136, local),
};

/** Each with the counter that tells of it. */
const BAD: Record<string, [counter: string, frame: (name: string) => Buffer]> = {
  'foreign mac': ['sender', (name) => udp(name, OTHER, four)],
  'foreign ipv4': ['source4', (name) => udp(name, mac, '10.9.0.5')],
  'no ipv4': ['source4', (name) => udp(name, mac, '0.0.0.0', 4000, 67)],
  'foreign ipv6': ['source6', (name) => udp(name, mac, 'fd00:9::5')],
  'foreign link local': ['source6', (name) => udp(name, mac, 'fe80::1')],
  'no ipv6': ['source6', (name) => udp(name, mac, '::')],
  'foreign arp address': ['arp', (name) => arp(name, mac, { mac, address: '10.9.0.5' })],
  'foreign arp mac': ['arp', (name) => arp(name, mac, { mac: OTHER, address: four })],
  'arp answer of none': ['arp', (name) => arp(name, mac, { mac, address: '0.0.0.0' }, 2)],
  'foreign neighbour': ['neighbour', (name) => icmp6(name, mac, six, 136, 'fd00:9::5')],
  'dhcp answer': ['service', (name) => udp(name, mac, four, 67, 68)],
  'dhcp6 answer': ['service', (name) => udp(name, mac, local, 547, 546)],
  'router advert': ['advert', (name) => icmp6(name, mac, local, 134, '::')],
  'inside a tag': ['tagged', (name) => tagged(udp(name, mac, '10.9.0.5'))],
};
const bad = (): Buffer[] => Object.entries(BAD).map(([name, [, frame]]) => frame(name));

/** A host whose guards are to be tried out. */
export interface GuardHarness {
  driver: NetworkDriver;
  /** A machine whose eth0 is the other end of a port of the bridge sk-grid. */
  plug(space: string, port: string, mac: string): Promise<void>;
  /** How often something was dropped for that reason. */
  counted(reason: string): Promise<number>;
  /** What somebody else may do to them, as lines for a shell. */
  harms: readonly string[];
  close(): Promise<unknown>;
}

const signal = (): AbortSignal => AbortSignal.timeout(60_000);

/** What guards must hold guests to, whatever realises them. */
export function guardContract(what: string, makeHarness: () => Promise<GuardHarness>): void {
  describe(`guards of ${what}`, () => {
    let harness: GuardHarness;
    let driver: NetworkDriver;

    before(async () => {
      harness = await makeHarness();
      driver = harness.driver;
      await driver.guardPorts([held, free], signal());
      const failed = await driver.makeNetworks([network('grid', { mtu: 1500 })], [held, free], signal());
      assert.equal(failed.size, 0);
      await harness.plug('held', portLinkOf(mac), mac);
      await harness.plug('free', portLinkOf(free.mac), free.mac);
      await harness.plug('uplink', 'uplink0', OTHER);
      await harness.plug('victim', 'victim0', '52:54:00:00:00:05');
      // As when the agent is told of them.
      await driver.guardPorts([held, free], signal());
    });
    after(() => harness?.close());

    it('let pass what a guest says of itself', async () => {
      const frames = Object.entries(GOOD).map(([name, frame]) => frame(name));
      const seen = await passed('held', 'victim', [...frames, udp('end', mac, four)], 'end');
      assert.deepEqual([...seen].toSorted(), [...Object.keys(GOOD), 'end'].toSorted());
    });

    it('stop and count what it could not be', async () => {
      const counters = Object.values(BAD).map(([counter]) => counter);
      const counts = () => Promise.all(counters.map(harness.counted));
      const before = await counts();
      const seen = await passed('held', 'victim', [...bad(), udp('end', mac, four)], 'end');
      assert.deepEqual([...seen], ['end']);
      const due = counters.map((counter, at) => (before[at] ?? 0) + counters.filter((each) => each === counter).length);
      assert.deepEqual(await counts(), due);
    });

    it('hold a guest without addresses to its MAC alone', async () => {
      const frames = [udp('any', free.mac, '203.0.113.7'), udp('foreign', OTHER, '203.0.113.7')];
      const seen = await passed('free', 'victim', [...frames, udp('end', free.mac, '203.0.113.7')], 'end');
      assert.deepEqual([...seen], ['any', 'end']);
    });

    it('judge nothing that comes by a link of no guest', async () => {
      const seen = await passed('uplink', 'victim', [...bad(), udp('end', OTHER, four)], 'end');
      assert.deepEqual([...seen].toSorted(), [...Object.keys(BAD), 'end'].toSorted());
    });

    it('hold without a gap when ports change, and go on counting', async () => {
      const before = await harness.counted('source4');
      await driver.guardPorts([held, free, port('grid', 9)], signal());
      assert.ok(before > 0);
      assert.equal(await harness.counted('source4'), before);
      const seen = await passed('held', 'victim', [...bad(), udp('end', mac, four)], 'end');
      assert.deepEqual([...seen], ['end']);
    });

    it('are set again where somebody took a rule, a set or all of it', async () => {
      for (const harm of harness.harms) {
        await sh(harm);
        await driver.guardPorts([held, free], signal());
        const seen = await passed('held', 'victim', [...bad(), udp('end', mac, four)], 'end');
        assert.deepEqual([...seen], ['end'], harm);
      }
    });

    it('are let go with the port', async () => {
      await driver.guardPorts([free], signal());
      const seen = await passed('held', 'victim', [...bad(), udp('end', mac, four)], 'end');
      assert.deepEqual([...seen].toSorted(), [...Object.keys(BAD), 'end'].toSorted());
    });
  });
}
