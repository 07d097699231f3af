import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { after, before, describe, it } from 'mocha';
import type { NetworkDriver } from '#agent/networks/driver.ts';
import { Failure, type FailureCode } from '#shared/errors.ts';
import { type HostMesh, MESH_LINK } from '#shared/model/mesh.ts';
import { HostLook, type HostNetwork, type HostPort, portLinkOf } from '#shared/model/network.ts';

export interface NetworkHarness {
  driver: NetworkDriver;
  /** A bridge that somebody else made, and a link that is none. */
  outside: string;
  /** An address of this host's underlay. */
  local: string;
  /** What somebody else does. */
  behind: {
    /** Make a link, in the way of one of ours or not. */
    makeLink(name: string): Promise<unknown>;
    removeLink(name: string): Promise<unknown>;
    hasLink(name: string): Promise<boolean>;
    /** Take away what was made of a network. */
    loseNetwork(network: HostNetwork): Promise<unknown>;
    loseGuards(): Promise<unknown>;
    loseLook(network: string): Promise<unknown>;
  };
  /** What was changed so far, in an order; the same before and after a call that had nothing to do. */
  changes(): Promise<string>;
  close(): Promise<void>;
}

const signal = (): AbortSignal => AbortSignal.timeout(60_000);

/** A network of the kind that has no way out. */
export const network = (name: string, more: Partial<HostNetwork> = {}): HostNetwork => ({
  ...{ name, kind: 'isolated', link: `sk-${name}`, mtu: 1450 },
  ...more,
});
export const port = (on: string, n: number): HostPort => ({
  network: on,
  mac: `52:54:00:00:00:${n.toString(16).padStart(2, '0')}`,
  guest: `g${n}`,
  addresses: [`10.9.0.${n}`, `fd00:9::${n.toString(16)}`],
});
const look = (on: string, n: number): HostLook =>
  HostLook.parse({ network: on, mac: port(on, n).mac, addresses: [`10.9.0.${n}/24`], gateways: ['10.9.0.1'] });

/** @param n what tells its peer from others */
const meshOf = (n: number, mtu = 1420): HostMesh => ({
  ...{ address: 'fd5e:1::1', mtu },
  peers: [
    {
      ...{ host: 'other', publicKey: Buffer.alloc(32, n).toString('base64'), address: `fd5e:1::${n}` },
      endpoint: { host: '192.0.2.2', port: 51_820 },
    },
  ],
});

const isFailure =
  (code: FailureCode, words: RegExp) =>
  (error: unknown): true => {
    assert.ok(error instanceof Failure, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, words);
    return true;
  };

/** What every NetworkDriver must do with networks, ports and looks, whatever it drives. */
export function networkDriverContract(name: string, makeHarness: () => Promise<NetworkHarness>): void {
  describe(`network driver contract: ${name}`, () => {
    let harness: NetworkHarness;
    let driver: NetworkDriver;
    before(async () => {
      harness = await makeHarness();
      driver = harness.driver;
    });
    after(async () => harness?.close());

    const make = async (networks: HostNetwork[], ports: HostPort[] = []): Promise<void> => {
      const failed = await driver.makeNetworks(networks, ports, signal());
      assert.deepEqual(
        [...failed.values()].map(({ message }) => message),
        [],
      );
    };
    const realised = () => driver.readRealised(signal());

    it('makes networks, tells that they are there, and removes them', async () => {
      const tunnel = { vni: 7, local: harness.local, peers: ['192.0.2.2', '192.0.2.3'] };
      await make([network('one'), network('two', { tunnel })]);
      assert.deepEqual((await realised()).networks.toSorted(), ['one', 'two']);
      await driver.removeNetworks(['one', 'two', 'never-there'], signal());
      assert.deepEqual((await realised()).networks, []);
    });

    it('does nothing where all is right', async () => {
      const tunnel = { vni: 8, local: harness.local, peers: ['192.0.2.2'] };
      const all = [network('same'), network('tunnelled', { tunnel })];
      const ports = [port('same', 5)];
      const again = async () => {
        await driver.guardPorts(ports, signal());
        await make(all, ports);
        await driver.makeLook(look('same', 9), all[0]!, signal());
      };
      await again();
      const before = await harness.changes();
      await again();
      assert.equal(await harness.changes(), before);
      await driver.removeLook('same', signal());
      await driver.removeNetworks(['same', 'tunnelled'], signal());
      await driver.guardPorts([], signal());
      assert.notEqual(await harness.changes(), before, 'changes are seen at all');
    });

    it('changes MTU, peers and identifier of a network that is there', async () => {
      const tunnel = { vni: 9, local: harness.local, peers: ['192.0.2.2'] };
      await make([network('shift', { tunnel })]);
      const changed = network('shift', { mtu: 1400, tunnel: { ...tunnel, vni: 10, peers: ['192.0.2.4'] } });
      await make([changed]);
      const before = await harness.changes();
      await make([changed]);
      assert.equal(await harness.changes(), before, 'it is so now');
      await make([network('shift', { mtu: 1400 })]);
      await driver.removeNetworks(['shift'], signal());
    });

    it('leaves alone what it did not make, and makes the others', async () => {
      await harness.behind.makeLink('sk-taken');
      const failed = await driver.makeNetworks([network('taken'), network('free')], [], signal());
      assert.deepEqual([...failed.keys()], ['taken']);
      isFailure('network-clash', /sk-taken/)(failed.get('taken'));
      assert.deepEqual((await realised()).networks, ['free']);
      await driver.removeNetworks(['taken', 'free'], signal());
      assert.ok(await harness.behind.hasLink('sk-taken'));
      await harness.behind.removeLink('sk-taken');
    });

    it('takes a link outside as it is, and says so where there is none', async () => {
      const wan = network('wan', { kind: 'outside', link: harness.outside, mtu: 1400 });
      const lost = network('lost', { kind: 'outside', link: 'nowhere0' });
      const before = await harness.changes();
      const failed = await driver.makeNetworks([wan, lost], [], signal());
      assert.deepEqual([...failed.keys()], ['lost']);
      isFailure('network-missing', /nowhere0/)(failed.get('lost'));
      assert.equal(await harness.changes(), before);
      await driver.removeNetworks(['wan'], signal());
      assert.ok(await harness.behind.hasLink(harness.outside));
    });

    it('makes again what was lost', async () => {
      const tunnel = { vni: 11, local: harness.local, peers: ['192.0.2.2'] };
      const grid = network('grid', { tunnel });
      await make([grid]);
      await driver.makeLook(look('grid', 9), grid, signal());
      await driver.guardPorts([port('grid', 4)], signal());
      const whole = await harness.changes();
      await harness.behind.loseNetwork(grid);
      assert.deepEqual((await realised()).networks, []);
      await harness.behind.loseGuards();
      await harness.behind.loseLook('grid');
      assert.notEqual(await harness.changes(), whole);
      await driver.guardPorts([port('grid', 4)], signal());
      await make([grid]);
      await driver.makeLook(look('grid', 9), grid, signal());
      assert.equal(await harness.changes(), whole, 'as it was before');
      await driver.removeLook('grid', signal());
      await driver.removeNetworks(['grid'], signal());
      await driver.guardPorts([], signal());
    });

    it('meets others in a mesh, follows it, and leaves it', async () => {
      const keep = (mesh: HostMesh | undefined) => driver.keepMesh(mesh, mesh ? [7] : [], signal());
      const before = await harness.changes();
      await keep(undefined);
      assert.equal(await harness.changes(), before, 'there was none');
      await harness.behind.makeLink(MESH_LINK);
      await assert.rejects(keep(meshOf(2)), isFailure('network-clash', /skwg/));
      await keep(undefined);
      assert.ok(await harness.behind.hasLink(MESH_LINK));
      await harness.behind.removeLink(MESH_LINK);
      await keep(meshOf(2));
      const joined = await harness.changes();
      assert.notEqual(joined, before);
      await keep(meshOf(2));
      assert.equal(await harness.changes(), joined);
      await keep(meshOf(3, 1400));
      assert.notEqual(await harness.changes(), joined);
      const told = await driver.readWireguard(signal());
      assert.deepEqual([told?.port, told?.publicKey.length], [51_820, 44]);
      await keep(undefined);
      await keep(undefined);
      assert.equal(await harness.changes(), before);
    });

    it('makes a look and removes it', async () => {
      const net = network('seen');
      await make([net]);
      await driver.makeLook(look('seen', 7), net, signal());
      assert.deepEqual((await realised()).looks, ['seen']);
      assert.ok(driver.enterLook('seen', ['true', 'x']).join(' ').endsWith('true x'));
      await driver.removeLook('seen', signal());
      await driver.removeLook('seen', signal());
      assert.deepEqual((await realised()).looks, []);
      await driver.removeNetworks(['seen'], signal());
    });

    it('tells of a change by somebody else, and ends its watch', async () => {
      const net = network('watched');
      await make([net]);
      const told = Promise.withResolvers<void>();
      const watch = await driver.watch(told.resolve, told.reject, signal());
      // It may begin to listen a moment after it was started.
      let isTold = false;
      const poked = (async (): Promise<void> => {
        for (; !isTold; await pause(100)) {
          await harness.behind.makeLink('poke0');
          await harness.behind.removeLink('poke0');
        }
      })();
      await Promise.race([told.promise, poked]);
      isTold = true;
      await poked;
      await watch.stop();
      await harness.behind.loseNetwork(net);
    });

    it('names ports of its networks', async () => {
      await make([network('ports')]);
      await driver.guardPorts([port('ports', 3)], signal());
      for (const each of await driver.readPorts(signal())) assert.equal(each.link, portLinkOf(each.mac!));
      await driver.guardPorts([], signal());
      await driver.removeNetworks(['ports'], signal());
    });
  });
}
