import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { type Run, run } from '#agent/exec/run.ts';
import type { NetworkDriver } from '#agent/networks/driver.ts';
import { type Failpoint, failpoint } from '#agent/networks/failpoint.ts';
import { linuxNetworks } from '#agent/networks/linux/driver.ts';
import { openVSwitch } from '#agent/networks/linux/openvswitch/switch.ts';
import { linuxRouters } from '#agent/networks/linux/router/routers.ts';
import { HostLook, type HostNetwork, HostRouter, portLinkOf } from '#shared/model/network.ts';
import { network, port } from '../network-driver-contract.ts';
import { noRouters, sh } from './host.ts';
import { startOpenVSwitch, switchShape } from './openvswitch.ts';
import { stream } from './streams.ts';
import { pinged, plug } from './wire.ts';

const signal = (): AbortSignal => AbortSignal.timeout(60_000);
const BYTES = 2_000_000;
/** One guest here, one there. */
const near = port('grid', 4);
const far = port('grid', 5);
const WAN: HostNetwork = { name: 'wan', kind: 'outside', link: 'br-ex', mtu: 1500 };
const gridAt = (own: number, other: number): HostNetwork =>
  network('grid', { tunnel: { vni: 77, local: `192.0.2.${own}`, peers: [`192.0.2.${other}`] } });
const GRID = gridAt(1, 2);
const LOOK = HostLook.parse({ network: 'grid', mac: '52:54:00:00:00:09', addresses: ['10.9.0.9/24'] });
const ROUTER = HostRouter.parse({
  name: 'gate',
  outside: { network: 'wan', mac: '52:54:00:00:00:0a', addresses: ['203.0.113.2/24'], gateways: [] },
  legs: [{ network: 'grid', mac: '52:54:00:00:00:01', addresses: ['10.9.0.1/24'] }],
  nat: ['grid'],
  routed: [],
  dns: [],
  hosts: [{ network: 'grid', mac: near.mac, name: 'near', addresses: ['10.9.0.4'] }],
});

/** Another host of the site, whose bridges are the kernel's. */
async function otherHost(folder: string): Promise<NetworkDriver> {
  await sh(
    'ip netns add host2',
    'ip link add name under0 type veth peer name under0 netns host2',
    'ip addr add 192.0.2.1/24 dev under0 && ip link set under0 up',
    'ip -n host2 addr add 192.0.2.2/24 dev under0 && ip -n host2 link set under0 up && ip -n host2 link set lo up',
    // Two machines have a wire between them, on which checksums are there; the ends of a veth leave them to each other.
    'ethtool -K under0 tx off && ip netns exec host2 ethtool -K under0 tx off',
  );
  const there: Run = (command, ending) =>
    run({ ...command, file: 'ip', args: ['netns', 'exec', 'host2', command.file, ...command.args] }, ending);
  return linuxNetworks({ run: there, host: 'host2', folder, routers: noRouters });
}

const DHCP = `#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add "$ip/$mask" dev eth0
`;

class CutOff extends Error {}

/** What ends an agent after so many things: nothing that is done after it, what was to be undone least of all. */
function upTo(steps: number): Failpoint {
  const { allows } = failpoint(`networks:${steps}`);
  return {
    allows,
    end: () => {
      throw new CutOff();
    },
  };
}

async function isCutOff(work: Promise<void>): Promise<boolean> {
  try {
    await work;
    return false;
  } catch (error) {
    if (error instanceof CutOff) return true;
    throw error;
  }
}

describe('a host with Open vSwitch', () => {
  let folder: string;
  let started: Awaited<ReturnType<typeof startOpenVSwitch>>;
  let driver: NetworkDriver;
  let theirs: string;
  /** One whose agent ends after so many things that it did. */
  let driverUpTo: (steps: number) => NetworkDriver;

  /** As a pass of the agent. */
  const keep = async (): Promise<void> => {
    await driver.guardPorts([near], signal());
    const failed = await driver.makeNetworks([GRID, WAN], [near], signal());
    assert.deepEqual([...failed.values()].map(String), []);
    await driver.makeLook(LOOK, GRID, signal());
    await driver.makeRouter(ROUTER, [GRID, WAN], signal());
    assert.deepEqual(await driver.examineRouter('gate', signal()), []);
  };
  /** Of a bridge that is somebody else's, all but the ports that we have on it. */
  const foreign = (): Promise<string> =>
    sh(
      'ovs-vsctl --columns=datapath_type,fail_mode,external_ids,other_config list Bridge br-ex',
      'ovs-ofctl --no-stats dump-flows br-ex',
      `ovs-vsctl list-ports br-ex | grep -v ${portLinkOf('52:54:00:00:00:0a')}`,
    );

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skerry-networks-'));
    started = await startOpenVSwitch();
    const openvswitch = openVSwitch(run);
    const log = { warn: (...said: unknown[]) => assert.fail(JSON.stringify(said)) };
    const routers = linuxRouters({ run, host: 'host1', folder: join(folder, 'routers'), log, openvswitch });
    const options = { run, host: 'host1', folder: join(folder, 'one'), routers };
    driver = linuxNetworks({ ...options, openvswitch });
    driverUpTo = (steps) => linuxNetworks({ ...options, openvswitch: openVSwitch(run), failpoint: upTo(steps) });
    const other = await otherHost(join(folder, 'two'));
    await other.guardPorts([far], signal());
    assert.equal((await other.makeNetworks([gridAt(2, 1)], [far], signal())).size, 0);
    await sh('ovs-vsctl add-br br-ex -- set Bridge br-ex datapath_type=netdev external_ids:whose=ours-not');
    await plug('out', 'out0', '52:54:00:00:00:0b', 'ovs-vsctl add-port br-ex out0');
    await sh('ip -n out addr add 203.0.113.9/24 dev eth0');
    theirs = await foreign();
    await keep();
    await plug('near', portLinkOf(near.mac), near.mac, `ovs-vsctl add-port sk-grid ${portLinkOf(near.mac)}`);
    const there = portLinkOf(far.mac);
    await sh(
      'ip netns add far',
      `ip -n host2 link add name ${there} mtu 1450 master sk-grid type veth peer name eth0 address ${far.mac} netns far`,
      `ip -n host2 link set ${there} up`,
      'ip -n far addr add 10.9.0.5/24 dev eth0 && ip -n far link set eth0 mtu 1450 up && ip -n far route add default via 10.9.0.1',
      'ip -n near link set eth0 mtu 1450',
      ...['near', 'far', 'out'].map((space) => `ip netns exec ${space} ethtool -K eth0 tx off`),
      `cat >${folder}/dhcp <<'END'\n${DHCP}\nEND\nchmod +x ${folder}/dhcp`,
    );
  });
  after(async () => {
    await driver.removeRouter('gate', signal());
    await started.end();
    await rm(folder, { recursive: true, force: true });
  });

  it('lets nothing pass by a port before it knows whose it is', async () => {
    const ask = (times: number) =>
      sh(`ip netns exec near busybox udhcpc -f -q -n -t ${times} -T 1 -i eth0 -s ${folder}/dhcp`);
    await assert.rejects(ask(2));
    await keep();
    await ask(15);
    assert.match(await sh('ip -n near -br addr show dev eth0'), /10\.9\.0\.4\/24/);
  });

  it('is joined to a host whose bridges are of the kernel, both ways', async () => {
    const here = { space: 'near', address: '10.9.0.4' };
    const there = { space: 'far', address: '10.9.0.5' };
    const enter = (space: string): string[] => ['ip', 'netns', 'exec', space];
    assert.deepEqual(await stream(enter('near'), there, BYTES), { bytes: BYTES, source: '10.9.0.4' });
    assert.deepEqual(await stream(enter('far'), here, BYTES), { bytes: BYTES, source: '10.9.0.5' });
    assert.deepEqual(await stream([...driver.enterLook('grid', [])], there, 1_000), {
      bytes: 1_000,
      source: '10.9.0.9',
    });
  });

  const getsOut = async (bytes = 1_000): Promise<void> => {
    const out = { space: 'out', address: '203.0.113.9' };
    const found = await stream(['ip', 'netns', 'exec', 'far'], out, bytes);
    assert.deepEqual(found, { bytes, source: '203.0.113.2' });
  };

  it('has a router that gives addresses and hides the network, with a leg on a bridge of others', () => getsOut(BYTES));

  it('names ports with what went through them', async () => {
    const found = (await driver.readPorts(signal())).find(({ link }) => link === portLinkOf(near.mac));
    assert.equal(found?.network, 'grid');
    assert.ok((found?.bytesIn ?? 0) > BYTES);
  });

  it('does nothing where all is right', async () => {
    const serial = () => sh('ovs-vsctl get Open_vSwitch . next_cfg; ip -o link | cut -d: -f1,2 | sort');
    const before = await serial();
    await keep();
    assert.equal(await serial(), before);
  });

  it('mends what somebody did to it', async () => {
    const [leg, tap] = [portLinkOf('52:54:00:00:00:01'), portLinkOf(near.mac)];
    for (const harm of [
      'ovs-vsctl del-br sk-grid',
      `ovs-vsctl del-port vx-grid -- del-port ${leg} -- del-port ${portLinkOf(LOOK.mac)} -- del-port ${tap}`,
      `ip link del vx-grid; ip link del ${leg}; ovs-vsctl set Interface sk-grid mtu_request=1400`,
    ]) {
      await sh(harm);
      await keep();
      await getsOut();
      await pinged('near', '10.9.0.5');
    }
  });

  it('has all again when its switch was killed and comes back', async () => {
    await started.restart();
    await keep();
    await getsOut();
  });

  it('hears nothing from guests itself, and says nothing to them', async () => {
    await sh('ip addr add 10.9.0.200/32 dev lo');
    await assert.rejects(sh('ip netns exec near ping -c 1 -W 1 10.9.0.200'));
    assert.match(await sh('ip netns exec near ip neigh show 10.9.0.200'), /FAILED|INCOMPLETE/);
  });

  it('is as wanted by the next pass, wherever making or removing was cut off', async () => {
    const other = network('new', { tunnel: { vni: 78, local: '192.0.2.1', peers: ['192.0.2.2'] } });
    const make = async (cut: NetworkDriver): Promise<void> => {
      await cut.guardPorts([near], signal());
      assert.equal((await cut.makeNetworks([other], [near], signal())).size, 0);
    };
    const remove = async (cut: NetworkDriver): Promise<void> => {
      await cut.removeNetworks(['new'], signal());
    };
    const seen = async (): Promise<string> => `${await sh('ip -o link | cut -d: -f2 | sort')}\n${await switchShape()}`;
    await make(driver);
    const made = await seen();
    await remove(driver);
    const removed = await seen();
    const cuts = { made: 0, removed: 0 };
    for (let steps = 0, isMore = true; isMore; steps++) {
      isMore = false;
      for (const [to, due, way] of [
        [make, made, 'made'],
        [remove, removed, 'removed'],
      ] as const) {
        if (!(await isCutOff(to(driverUpTo(steps))))) continue;
        isMore = true;
        cuts[way]++;
        await to(driver);
        assert.equal(await seen(), due, `${way}, cut off after ${steps} steps`);
      }
    }
    assert.ok(cuts.made > 7 && cuts.removed > 1, JSON.stringify(cuts));
  });

  it('takes all away, and leaves what is of others', async () => {
    await driver.removeRouter('gate', signal());
    await driver.removeLook('grid', signal());
    await driver.removeNetworks(['grid'], signal());
    assert.equal(await foreign(), theirs);
    assert.equal(await sh('ovs-vsctl list-br'), 'br-ex');
    assert.equal(await sh('ovs-vsctl list-ports br-ex'), 'out0');
    assert.equal(await sh('ip -o link show group 21323'), '');
  });
});
