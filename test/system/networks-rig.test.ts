import assert from 'node:assert/strict';
import { after, before, describe, it } from 'mocha';
import { NETWORK, ROUTER } from '#provisioning/rig/plan.ts';
import { GRID_GUESTS, type Grid, type GridGuest, gridOf, PUBLIC } from './support/grid.ts';
import { ensureAddressed } from './support/in-guest.ts';
import { type TestRig, testRig, until } from './support/rig.ts';

const VENTI = '10.99.0.12';

describe('the private network of the grid', function () {
  this.timeout(240_000);
  let rig: TestRig;

  let grid: Grid;
  const sh: Grid['sh'] = (name, text) => grid.sh(name, text);
  const machine: Grid['machine'] = (name, argv) => grid.machine(name, argv);
  /** Packets that the guards of a host have dropped. */
  const dropped = async (host: string): Promise<number> => {
    const { stdout } = await machine(host, ['nft', '-j', 'list', 'counters', 'table', 'bridge', 'skerry']);
    const { nftables } = JSON.parse(stdout) as { nftables: { counter?: { packets: number } }[] };
    return nftables.reduce((sum, { counter }) => sum + (counter?.packets ?? 0), 0);
  };

  before(async () => {
    rig = await testRig();
    grid = gridOf(rig);
    for (const [name, host] of Object.entries(GRID_GUESTS)) await ensureAddressed(rig, host, name);
  });
  after(async () => {
    for (const [name, host] of Object.entries(GRID_GUESTS)) await rig.ensureOff(host, name);
  });

  it('is listed with its hosts, its router and who is on it, all as they should be', async () => {
    const [network] = (JSON.parse(await rig.does('network', 'list', '--json')) as Record<string, unknown>[]).filter(
      ({ network }) => network === NETWORK.name,
    );
    assert.deepEqual(network?.hosts, ['host1', 'host2']);
    assert.deepEqual(network?.routers, [ROUTER.name]);
    assert.deepEqual(network?.problems, []);
    assert.equal(network?.mtu, 1450);
  });

  it('gives guests of both hosts their reserved addresses by DHCP, and the MTU that fits the tunnel', async () => {
    for (const [name, address] of [
      ['venti', VENTI],
      ['cpu1', '10.99.0.10'],
    ] as const) {
      const { stdout } = await sh(name, 'ip addr show eth0');
      assert.match(stdout, new RegExp(`inet ${address.replaceAll('.', '\\.')}/16 `), name);
      assert.match(stdout, /mtu 1450 /, name);
    }
    const leases = JSON.parse(await rig.does('network', 'leases', NETWORK.name, '--json')) as Record<string, string>[];
    assert.equal(leases.find(({ address }) => address === VENTI)?.name, 'venti');
  });

  it('carries whole packets between hosts, and no larger ones', async () => {
    assert.equal((await sh('cpu1', `ping -c 1 -W 5 -s 1422 ${VENTI}`)).exitCode, 0);
    const vxlan = (await machine('host2', ['ip', '-d', 'link', 'show', `vx-${NETWORK.name}`])).stdout;
    assert.match(vxlan, /vxlan id \d+ /);
  });

  it('tells guests each other’s names', async () => {
    const found = await sh('cpu1', `nslookup venti.${NETWORK.domain}`);
    assert.match(found.stdout, /10\.99\.0\.12/, found.stdout + found.stderr);
    assert.equal((await sh('cpu1', 'ping -c 1 -W 5 venti')).exitCode, 0);
  });

  it('has IPv6: guests make their addresses, and reach each other', async () => {
    const addressOf = async (name: GridGuest): Promise<string | undefined> =>
      /inet6 (fd00:99:[0-9a-f:]+)\/64/.exec((await sh(name, 'ip -6 addr show eth0')).stdout)?.[1];
    await until('both have an address', async () => Boolean((await addressOf('venti')) && (await addressOf('cpu1'))));
    assert.equal((await sh('cpu1', `ping -6 -c 1 -W 5 ${await addressOf('venti')}`)).exitCode, 0);
  });

  it('lets guests out, and outside only the public address is seen', async () => {
    await grid.whileSeen(async (seen) => {
      for (const name of ['venti', 'cpu1'] as const) assert.equal(await seen(name), PUBLIC, name);
    });
    // Nobody outside gets in by the addresses of the inside.
    const route = ['ip', 'route', 'replace', '10.99.0.0/16', 'via', PUBLIC];
    await machine('server', route);
    assert.notEqual((await machine('server', ['ping', '-c', '1', '-W', '2', VENTI])).exitCode, 0);
    await machine('server', ['ip', 'route', 'del', '10.99.0.0/16']);
  });

  it('knows who has which address after its router was stopped and started', async () => {
    const leased = async (): Promise<string[]> =>
      (JSON.parse(await rig.does('network', 'leases', NETWORK.name, '--json')) as { address: string }[])
        .map(({ address }) => address)
        .toSorted();
    const before = await leased();
    assert.ok(before.includes(VENTI));
    await rig.does('router', 'stop', ROUTER.name, '--yes');
    await rig.does('router', 'start', ROUTER.name);
    assert.deepEqual(await leased(), before);
  });

  it('passes a port on to a guest, until that is taken away', async () => {
    await rig.does('router', 'forward-add', ROUTER.name, '8017', 'venti:17034');
    assert.equal(await grid.dial(8017), 'venti');
    await rig.does('router', 'forward-remove', ROUTER.name, '8017');
    assert.equal(await grid.dial(8017), '');
  });

  it('sends HTTP requests for a name to guests that answer', async () => {
    for (const name of ['venti', 'cpu1'] as const)
      await sh(name, `mkdir -p /tmp/www && echo ${name} >/tmp/www/index.html && httpd -p 80 -h /tmp/www`);
    await rig.does('router', 'ingress-add', ROUTER.name, 'www.example.test', 'venti', 'cpu1', 'check=/');
    const get = () => grid.get('www.example.test');
    const seen = new Set<string>();
    await until('both answer', async () => {
      seen.add(await get());
      return seen.has('venti') && seen.has('cpu1');
    });
    await sh('venti', 'killall httpd');
    await until('only the one that is left answers', async () => {
      const answers = [await get(), await get(), await get(), await get()];
      return answers.every((answer) => answer === 'cpu1');
    });
    await rig.does('router', 'ingress-remove', ROUTER.name, 'www.example.test');
    assert.equal(await get(), '');
    await sh('cpu1', 'killall httpd');
  });

  it('stops a guest that uses an address of another, and one that gives out addresses', async () => {
    const before = await dropped('host2');
    await sh('cpu1', 'ip addr add 10.99.0.99/16 dev eth0');
    assert.notEqual((await sh('cpu1', `ping -c 2 -W 1 -I 10.99.0.99 ${VENTI}`)).exitCode, 0);
    await sh('cpu1', 'ip addr del 10.99.0.99/16 dev eth0');
    const spoofed = await dropped('host2');
    assert.ok(spoofed > before, 'the guard counts what it dropped');
    // A DHCP server of its own, and somebody who asks.
    const config = 'interface eth0\\nstart 10.99.5.1\\nend 10.99.5.9\\nlease_file /tmp/leases\\n';
    await sh('cpu1', `printf '${config}' >/tmp/udhcpd.conf; : >/tmp/leases; udhcpd /tmp/udhcpd.conf`);
    // It may not listen yet when it is first asked.
    await until('its offer was dropped', async () => {
      const asked = await sh('venti', 'udhcpc -i eth0 -f -n -q -t 5 -T 1 -s /bin/true 2>&1');
      assert.match(asked.stdout, /10\.99\.0\.12 obtained/);
      return (await dropped('host2')) > spoofed;
    });
    await sh('cpu1', 'killall udhcpd');
    assert.equal((await sh('cpu1', `ping -c 1 -W 5 ${VENTI}`)).exitCode, 0, 'its own address goes on');
  });

  it('is there again after its host has lost power, its router too', async () => {
    await rig.ensureOff('host1', 'venti');
    await rig.cutPower('host1');
    await until('the host is back', () => rig.virsh('host1', ['version']).then(Boolean, () => false));
    // Nobody told it anew: its agent knows.
    const bridge = ['ip', 'link', 'show', `sk-${NETWORK.name}`];
    await until('its network is back', async () => (await machine('host1', bridge)).exitCode === 0);
    await ensureAddressed(rig, 'host1', 'venti');
    await until('the guest of the other host reaches it again', async () => {
      const { exitCode } = await sh('cpu1', `ping -c 1 -W 2 ${VENTI}`);
      return exitCode === 0;
    });
    const { stdout } = await sh('venti', 'ip addr show eth0');
    assert.match(stdout, /inet 10\.99\.0\.12\/16 /);
  });
});
