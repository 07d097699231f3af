import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { execa } from 'execa';
import { after, before, describe, it } from 'mocha';
import { NETWORK, ROUTER, SERVER_ADDRESS } from '#provisioning/rig/plan.ts';
import { inGuest } from './support/in-guest.ts';
import { type TestRig, testRig, until } from './support/rig.ts';

const GUESTS = { venti: 'host1', cpu1: 'host2' } as const;
type GuestName = keyof typeof GUESTS;
const PUBLIC = ROUTER.public.split('/')[0] ?? '';
const VENTI = '10.99.0.12';

/** Says to whoever connects where they come from. */
const TELLER = `
  const server = require('node:net').createServer((socket) => socket.on('error', () => {}).end(socket.remoteAddress + '\\n'));
  server.listen(9000, '${SERVER_ADDRESS}', () => console.log('listens'));
`;

describe('the private network of the grid', function () {
  this.timeout(240_000);
  let rig: TestRig;

  const guest = (name: GuestName, ...argv: string[]) => inGuest(rig, GUESTS[name], name, argv);
  const sh = (name: GuestName, text: string) => guest(name, '/bin/sh', '-c', text);
  /** A program in a machine of the rig. */
  const machine = (name: string, argv: readonly string[]) =>
    execa('nsenter', ['-t', `${rig.part(name).pid}`, '-a', '--', ...argv], { reject: false, timeout: 20_000 });
  /** What somebody outside gets from a port of the router, by HTTP or by a bare connection. */
  const dial = async (port: number): Promise<string> =>
    (await machine('server', ['timeout', '5', 'bash', '-c', `exec 3<>/dev/tcp/${PUBLIC}/${port}; cat <&3`])).stdout;
  /** Packets that the guards of a host have dropped. */
  const dropped = async (host: string): Promise<number> => {
    const { stdout } = await machine(host, ['nft', '-j', 'list', 'counters', 'table', 'bridge', 'skerry']);
    const { nftables } = JSON.parse(stdout) as { nftables: { counter?: { packets: number } }[] };
    return nftables.reduce((sum, { counter }) => sum + (counter?.packets ?? 0), 0);
  };

  before(async () => {
    rig = await testRig();
    for (const [name, host] of Object.entries(GUESTS)) await rig.ensureRunning(host, name);
  });
  after(async () => {
    for (const [name, host] of Object.entries(GUESTS)) await rig.ensureOff(host, name);
  });

  it('is listed with its hosts, its router and who is on it, all as they should be', async () => {
    const [grid] = (JSON.parse(await rig.does('network', 'list', '--json')) as Record<string, unknown>[]).filter(
      ({ network }) => network === NETWORK.name,
    );
    assert.deepEqual(grid?.hosts, ['host1', 'host2']);
    assert.deepEqual(grid?.routers, [ROUTER.name]);
    assert.deepEqual(grid?.problems, []);
    assert.equal(grid?.mtu, 1450);
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
    const addressOf = async (name: GuestName): Promise<string | undefined> =>
      /inet6 (fd00:99:[0-9a-f:]+)\/64/.exec((await sh(name, 'ip -6 addr show eth0')).stdout)?.[1];
    await until('both have an address', async () => Boolean((await addressOf('venti')) && (await addressOf('cpu1'))));
    assert.equal((await sh('cpu1', `ping -6 -c 1 -W 5 ${await addressOf('venti')}`)).exitCode, 0);
  });

  it('lets guests out, and outside only the public address is seen', async () => {
    const teller = spawn('nsenter', ['-t', `${rig.part('server').pid}`, '-n', '--', process.execPath, '-e', TELLER]);
    const closed = once(teller, 'close');
    try {
      await once(teller.stdout, 'data');
      for (const name of ['venti', 'cpu1'] as const) {
        const { stdout } = await sh(name, `nc -w 5 ${SERVER_ADDRESS} 9000 </dev/null`);
        assert.equal(stdout.trim(), PUBLIC, name);
      }
    } finally {
      teller.kill('SIGKILL');
      await closed;
    }
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
    assert.equal(await dial(8017), 'venti');
    await rig.does('router', 'forward-remove', ROUTER.name, '8017');
    assert.equal(await dial(8017), '');
  });

  it('sends HTTP requests for a name to guests that answer', async () => {
    for (const name of ['venti', 'cpu1'] as const)
      await sh(name, `mkdir -p /tmp/www && echo ${name} >/tmp/www/index.html && httpd -p 80 -h /tmp/www`);
    await rig.does('router', 'ingress-add', ROUTER.name, 'www.example.test', 'venti', 'cpu1', 'check=/');
    const get = async (): Promise<string> => {
      const request = `exec 3<>/dev/tcp/${PUBLIC}/80; printf 'GET / HTTP/1.0\\r\\nHost: www.example.test\\r\\n\\r\\n' >&3; cat <&3`;
      return (await machine('server', ['timeout', '5', 'bash', '-c', request])).stdout.split('\n').at(-1) ?? '';
    };
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
    const asked = await sh('venti', 'udhcpc -i eth0 -f -n -q -t 3 -T 1 -s /bin/true 2>&1');
    assert.match(asked.stdout, /10\.99\.0\.12 obtained/);
    await until('its offer was dropped', async () => (await dropped('host2')) > spoofed);
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
    await rig.ensureRunning('host1', 'venti');
    await until('the guest of the other host reaches it again', async () => {
      const { exitCode } = await sh('cpu1', `ping -c 1 -W 2 ${VENTI}`);
      return exitCode === 0;
    });
    const { stdout } = await sh('venti', 'ip addr show eth0');
    assert.match(stdout, /inet 10\.99\.0\.12\/16 /);
  });
});
