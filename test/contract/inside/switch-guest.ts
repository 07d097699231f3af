import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { pino } from 'pino';
import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import { libvirtDriver } from '#agent/drivers/libvirt/driver.ts';
import { run } from '#agent/exec/run.ts';
import type { NetworkDriver } from '#agent/networks/driver.ts';
import { linuxNetworks } from '#agent/networks/linux/driver.ts';
import { openVSwitch } from '#agent/networks/linux/openvswitch/switch.ts';
import { linuxRouters } from '#agent/networks/linux/router/routers.ts';
import { HostRouter, portLinkOf } from '#shared/model/network.ts';
import { network, port } from '../network-driver-contract.ts';
import { bootIn, qemuDefinition } from '../qemu-guest.ts';
import { sh } from './host.ts';
import { startOpenVSwitch } from './openvswitch.ts';
import { pinged } from './wire.ts';

const signal = (): AbortSignal => AbortSignal.timeout(100_000);
const GRID = network('grid');
const GUEST = port('grid', 4);
const ROUTER = HostRouter.parse({
  name: 'gate',
  legs: [{ network: 'grid', mac: '52:54:00:00:00:01', addresses: ['10.9.0.1/24'] }],
  nat: [],
  routed: [],
  dns: [],
  hosts: [{ network: 'grid', mac: GUEST.mac, name: 'guest', addresses: ['10.9.0.4'] }],
});

/** The machine's own libvirt is not touched: its folders are not seen from here. */
async function startLibvirt(): Promise<() => Promise<void>> {
  await sh(
    'for folder in etc/libvirt var/lib/libvirt var/log/libvirt var/cache/libvirt; do mkdir -p /$folder; mount -t tmpfs none /$folder; done',
    `printf 'security_driver = "none"\\nuser = "root"\\ngroup = "root"\\nstdio_handler = "file"\\nnamespaces = []\\ncgroup_controllers = []\\n' >/etc/libvirt/qemu.conf`,
    // Whose name it looks up whenever a guest starts: without an answer that takes 10 s.
    'cp /etc/hosts /run/hosts && echo "127.0.0.1 $(hostname)" >>/run/hosts && mount --bind /run/hosts /etc/hosts',
    `printf 'auth_unix_rw = "none"\\n' >/etc/libvirt/libvirtd.conf`,
  );
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'libvirtd'], { stdio: 'ignore' });
  const ended = once(child, 'close');
  await sh('for n in $(seq 200); do [ -S /run/libvirt/libvirt-sock ] && exit; sleep 0.1; done; exit 1');
  return async () => {
    child.kill('SIGKILL');
    await ended;
  };
}

describe('a guest of libvirt on Open vSwitch', () => {
  let folder: string;
  let networks: NetworkDriver;
  let hypervisor: HypervisorDriver;
  let guest: string;
  const ends: (() => Promise<unknown>)[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sk-'));
    const started = await startOpenVSwitch();
    ends.push(() => rm(folder, { recursive: true, force: true }), started.end, await startLibvirt());
    const openvswitch = openVSwitch(run);
    const log = pino({ level: 'silent' });
    const routers = linuxRouters({ run, host: 'here', folder: join(folder, 'routers'), log, openvswitch });
    networks = linuxNetworks({ run, host: 'here', folder: join(folder, 'networks'), routers, openvswitch });
    hypervisor = await libvirtDriver({ uri: 'qemu:///system', log, stateFolder: folder });
    ends.push(() => hypervisor.close());
    const xml = qemuDefinition(await bootIn(folder), (name) => join(folder, `${name}.log`))({ name: 'guest' });
    guest = (await hypervisor.defineGuest(xml, { replace: false }, signal())).id;
  });
  after(async () => {
    await hypervisor.poweroffGuest(guest, signal()).catch(() => {});
    await networks.removeRouter('gate', signal());
    for (const end of ends.toReversed()) await end();
  });

  const pass = async (): Promise<void> => {
    await networks.guardPorts([GUEST], signal());
    assert.equal((await networks.makeNetworks([GRID], [GUEST], signal())).size, 0);
    await networks.makeRouter(ROUTER, [GRID], signal());
  };

  it('has its interface on it, is let in when the agent is told, and gets its address', async () => {
    await pass();
    const datapath = await networks.datapathOf?.('sk-grid', signal());
    assert.ok(datapath);
    const wanted = { mac: GUEST.mac, bridge: 'sk-grid', link: portLinkOf(GUEST.mac), mtu: 1450, datapath };
    assert.deepEqual(
      (await hypervisor.attachNic(guest, wanted, signal())).map(({ holds }) => holds),
      ['now'],
    );
    assert.match(await hypervisor.readDefinition(guest, signal()), /<virtualport type='openvswitch'/);
    const told = Promise.withResolvers<void>();
    const watch = await networks.watch(told.resolve, told.reject, signal());
    await hypervisor.startGuest(guest, { paused: false }, signal());
    await told.promise;
    await watch.stop();
    assert.match(await sh('ovs-vsctl list-ports sk-grid'), new RegExp(portLinkOf(GUEST.mac)));
    await pass();
    for (let leases = 0; leases === 0; ) {
      leases = (await networks.readLeases('gate', signal())).length;
      await sh('sleep 0.2');
    }
    // It has been given its address, and takes it a moment later.
    await pinged('sk-gate', '10.9.0.4');
  });

  it('is off it when it ends', async () => {
    await hypervisor.poweroffGuest(guest, signal());
    await pass();
    assert.doesNotMatch(await sh('ovs-vsctl list-ports sk-grid'), new RegExp(portLinkOf(GUEST.mac)));
  });
});
