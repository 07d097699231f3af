import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { compileSite } from '#central/networks/compile.ts';
import { createNetwork } from '#central/networks/network-changes.ts';
import { NO_STATE } from '#central/networks/state.ts';
import { meshAddressOf } from '#central/networks/tunnels.ts';
import type { HostNetworks } from '#shared/model/network.ts';
import { udp } from './frames.ts';
import { sh } from './host.ts';
import { PORT, type PublicHost, plugInto, publicHost } from './public-hosts.ts';

const MESH = 'fd5e:77a1:93c4:51::/64';
const MTU = 1350;
const HOSTS = ['host1', 'host2'];
const state = createNetwork(
  NO_STATE,
  {
    ...{ name: 'grid', kind: 'isolated' as const, subnets: [], mtu: MTU, domain: null, level: 0, link: null },
    ...{ hosts: HOSTS, by: 'ann@skerry.test', at: '2026-01-01T00:00:00Z' },
  },
  () => 0.5,
);

/** What leaves and comes by the public net, but for what finds neighbours, and what refuses WireGuard's own while nobody listens. */
const COUNTING = `table bridge seen {
  counter wireguard { }
  counter other { }
  chain passing {
    type filter hook forward priority 0; policy accept;
    ether type arp accept
    icmp type destination-unreachable accept
    udp sport ${PORT} udp dport ${PORT} counter name wireguard accept
    counter name other
  }
}`;

async function sendTo(address: string, port: number, datagram: Buffer): Promise<void> {
  const socket = createSocket('udp6');
  await new Promise<void>((resolve, reject) =>
    socket.send(datagram, port, address, (error) => (error ? reject(error) : resolve())),
  );
  socket.close();
}

describe('a mesh of hosts that meet over the public net', () => {
  let one: PublicHost;
  let two: PublicHost;
  before(async () => {
    await sh('ip link add name public type bridge forward_delay 0', 'ip link set public up');
    await sh(`nft -f - <<'END'\n${COUNTING}\nEND`);
    one = await publicHost('host1', 1);
    two = await publicHost('host2', 2);
  });
  after(async () => {
    await one?.end();
    await two?.end();
  });

  /** What central sends, of what both have told. */
  const documents = async (): Promise<HostNetworks[]> => {
    const ends = new Map([
      ['host1', await one.wireguard()],
      ['host2', await two.wireguard()],
    ]);
    const compiled = compileSite(state, {
      ...{ hosts: new Set(HOSTS), hostsOf: () => [], underlayOf: () => undefined, mesh: MESH },
      wireguardOf: (host) => ends.get(host),
    });
    assert.deepEqual(compiled.troubles, []);
    return HOSTS.map(compiled.documentOf);
  };
  const joined = async (): Promise<void> => {
    const [first, second] = await documents();
    assert.deepEqual([await one.pass(first!), await two.pass(second!)], [[], []]);
  };
  /** Until one gets through: a session begins with the first packet, and it may be lost. */
  const reached = async (): Promise<void> => {
    await one.sh(`for n in $(seq 40); do ip netns exec a ping -c 1 -W 1 10.9.0.2 >/dev/null && exit 0; done; exit 1`);
  };
  const seen = async (counter: string): Promise<number> =>
    Number(/packets (\d+)/.exec(await sh(`nft list counter bridge seen ${counter}`))?.[1]);
  const programOf = async (host: PublicHost): Promise<string> =>
    (await readFile(join(host.folder, 'wireguard', 'program.pid'), 'utf8')).split(' ')[0] ?? '';

  it('carries packets as large as fit, and shows others nothing but WireGuard', async () => {
    await joined();
    await plugInto(one, 'a', '10.9.0.1/24', 'sk-grid', MTU);
    await plugInto(two, 'b', '10.9.0.2/24', 'sk-grid', MTU);
    await reached();
    await one.sh(`ip netns exec a ping -c 3 -i 0.2 -W 5 -M do -s ${MTU - 28} 10.9.0.2`);
    assert.equal(await one.driver.reachPeer(meshAddressOf(MESH, 'host2'), MTU, AbortSignal.timeout(10_000)), undefined);
    assert.ok((await seen('wireguard')) > 6);
    assert.equal(await seen('other'), 0);
  });

  it('does nothing where all is right, and mends what was changed', async () => {
    const whole = () => one.sh('ip -6 addr show dev skwg; nft list ruleset; wg show skwg allowed-ips');
    const [before, program] = [await whole(), await programOf(one)];
    await joined();
    one.again();
    await joined();
    assert.equal(await programOf(one), program);
    await one.sh(
      ...['ip link set skwg mtu 1300', 'ip -6 addr flush dev skwg scope global', 'ip link set skwg down'],
      'nft delete table inet skerry-mesh',
      'wg set skwg peer "$(wg show skwg peers)" remove',
    );
    assert.notEqual(await whole(), before);
    await joined();
    const plain = (text: string): string => text.replace(/packets \d+ bytes \d+/g, '');
    assert.equal(plain(await whole()), plain(before));
    assert.equal(await programOf(one), program, 'it was not started anew');
    await reached();
  });

  it('keeps the private key in files that nobody else reads', async () => {
    const folder = join(one.folder, 'wireguard');
    const key = (await readFile(join(folder, 'key'), 'utf8')).trim();
    for (const file of ['key', 'skwg.conf']) assert.equal((await stat(join(folder, file))).mode & 0o777, 0o600);
    const others = await sh(`grep -lr -F '${key}' ${one.folder} | sort`);
    assert.deepEqual(others.split('\n'), [join(folder, 'key'), join(folder, 'skwg.conf')]);
    assert.equal(await one.sh('wg show skwg private-key'), key, 'it is that key that is looked for');
  });

  it('is back when wireguard-go was killed, with no agent there; and nothing leaves bare meanwhile', async () => {
    const program = await programOf(one);
    await one.sh(`ip netns exec a ping -i 0.05 -w 4 10.9.0.2 >/dev/null & sleep 0.5; kill -9 ${program}; wait || true`);
    await reached();
    assert.notEqual(await programOf(one), program);
    assert.equal(await seen('other'), 0);
    await joined();
  });

  it('is made anew by the agent when its supervisor was killed too', async () => {
    const supervisor = (await readFile(join(one.folder, 'wireguard', 'wireguard-go.pid'), 'utf8')).split(' ')[0];
    const program = await programOf(one);
    await one.sh(`kill -9 ${supervisor}`);
    await joined();
    assert.notEqual(await programOf(one), program, 'nobody would have started that one again');
    await one.sh(`kill -9 ${await programOf(one)}`);
    await reached();
  });

  it('sends nothing bare by a default route while its link is away', async () => {
    await one.sh('sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0', 'ip -6 addr add fd01::1/64 dev eth0 nodad');
    await one.sh('ip -6 neigh replace fd01::9 lladdr 02:00:00:00:00:09 dev eth0');
    await one.sh('ip -6 route add default via fd01::9');
    const sent = async (): Promise<number> =>
      Number(/outgoing[^}]*packets (\d+)/s.exec(await one.sh('nft list table inet skerry-mesh'))?.[1]);
    const before = await sent();
    await sh(
      'nft add counter bridge seen vxlan',
      'nft insert rule bridge seen passing udp dport 4789 counter name vxlan',
    );
    await one.sh('ip link set skwg down', 'ip netns exec a ping -c 2 -i 0.2 -W 1 10.9.0.2 || true');
    assert.ok((await sent()) > before, 'it was about to leave');
    assert.equal(await seen('vxlan'), 0);
    await joined();
    await reached();
  });

  it('takes nothing for its networks from strangers', async () => {
    const [document] = await documents();
    const { vni = 0 } = document?.networks[0]?.tunnel ?? {};
    await one.sh(
      "ip netns exec a nft -f - <<'END'\ntable inet t { counter got { }\n chain c { type filter hook input priority 0; udp dport 4000 counter name got\n}\n}\nEND",
    );
    const got = async (): Promise<number> =>
      Number(/packets (\d+)/.exec(await one.sh('ip netns exec a nft list counter inet t got'))?.[1]);
    const head = Buffer.from([8, 0, 0, 0, vni >> 16, (vni >> 8) & 255, vni & 255, 0]);
    const datagram = Buffer.concat([head, udp('intruder', '52:54:00:00:00:63', '10.9.0.77')]);
    await sh('sysctl -qw net.ipv6.conf.public.disable_ipv6=0', 'ip -6 addr add fd01::8/64 dev public nodad');
    const strike = async (): Promise<void> => {
      await sendTo('fd01::1', 4789, datagram);
      // What answers has also looked at what came before.
      await sh('ping -6 -c 1 -W 5 fd01::1');
    };
    await sh('ping -6 -c 1 -W 5 fd01::1');
    await strike();
    assert.equal(await got(), 0);
    await one.sh('nft delete table inet skerry-mesh');
    await strike();
    assert.equal(await got(), 1, 'without the fence it comes through');
    await joined();
    await strike();
    assert.equal(await got(), 1);
  });

  it('heals when a host has lost its key, and where one can only dial', async () => {
    const old = (await two.wireguard())?.publicKey;
    await rm(join(two.folder, 'wireguard', 'key'));
    two.endpoint = undefined;
    await joined();
    assert.notEqual((await two.wireguard())?.publicKey, old);
    await two.sh('for n in $(seq 40); do ip netns exec b ping -c 1 -W 1 10.9.0.1 >/dev/null && exit 0; done; exit 1');
    await reached();
    assert.equal((await one.sh('wg show skwg peers')).includes(old ?? ''), false);
  });

  it('leaves alone a link that somebody else made, and goes without a trace', async () => {
    const [document] = await documents();
    const bare: HostNetworks = { ...document!, networks: [], mesh: undefined };
    const [before] = await documents();
    assert.deepEqual(await one.pass(bare), []);
    assert.equal(
      await one.sh('ip link show dev skwg || true; nft list tables; ls /run/wireguard; wg show interfaces'),
      'table bridge skerry',
    );
    await one.sh('ip link add name skwg type bridge');
    assert.match((await one.pass(before!)).map(({ what, problem }) => `${what} ${problem}`).join(), /mesh .*skwg/);
    assert.deepEqual(await one.pass(bare), []);
    await one.sh('ip link del skwg type bridge');
    await joined();
  });
});
