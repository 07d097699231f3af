import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { execa } from 'execa';
import { layoutOf } from '#provisioning/rig/layout.ts';
import { areGone, isAlive, processesOf, processId, signal } from '#provisioning/rig/processes.ts';
import { RigFile, readRigFile } from '#provisioning/rig/rig-file.ts';
import { readState } from '#provisioning/rig/state.ts';
import { ejabberdApi } from '#shared/ejabberd/api.ts';
import { ensureAddressed, inGuest } from '#test/system/support/in-guest.ts';
import { startRig, type TestRig, testRig, until } from '#test/system/support/rig.ts';

const KINDS = ['net', 'mnt', 'pid', 'uts', 'ipc'];

/** The namespaces that a process is in, `net:[4026532008]`; none when it has gone. */
function namespacesOf(pid: number | string): string[] {
  try {
    return KINDS.map((kind) => readlinkSync(`/proc/${pid}/ns/${kind}`));
  } catch {
    return [];
  }
}

/** Namespaces, and when they were seen, in clock ticks since boot, as processes have their start (proc(5)). */
interface Seen {
  spaces: Set<string>;
  atTicks: number;
}
/** Those of a rig's machines. */
const machineNamespaces = (rig: TestRig): Seen => ({
  spaces: new Set(['server', 'host1', 'host2'].flatMap((name) => namespacesOf(rig.part(name).pid))),
  atTicks: Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 100,
});
/** Whether a process is still in one of them. One that began later is none of theirs: the kernel gives a number that is free to the next namespace, anybody's. */
const areInUse = ({ spaces, atTicks }: Seen): boolean =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && (processId(Number(name))?.startTicks ?? atTicks) < atTicks)
    .flatMap(namespacesOf)
    .some((space) => spaces.has(space));

const ip = async (args: string[]): Promise<string> => (await execa('ip', args)).stdout;
/** What the main network namespace has; counters and times left out. */
const mainNetwork = async () => ({
  links: (JSON.parse(await ip(['-json', 'link'])) as { ifname: string }[]).map(({ ifname }) => ifname).sort(),
  routes: await ip(['route', 'show', 'table', 'all']),
  routes6: await ip(['-6', 'route', 'show', 'table', 'all']),
  addresses: (JSON.parse(await ip(['-json', 'addr'])) as { ifname: string; addr_info: { local: string }[] }[]).map(
    ({ ifname, addr_info }) => [ifname, addr_info.map(({ local }) => local)],
  ),
});

/** Sockets that these processes listen on in the main network namespace: `ADDRESS:PORT`, as ss(8) prints them. */
async function listeners(pids: readonly number[]): Promise<string[]> {
  const { stdout } = await execa('ss', ['-Hltunp']);
  return stdout
    .split('\n')
    .filter((line) => pids.some((pid) => line.includes(`pid=${pid},`)))
    .map((line) => line.split(/ +/)[4] ?? '');
}

const mountsOf = (dir: string): string[] =>
  readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes(dir));

describe('the rig', function () {
  this.timeout(240_000);
  let rig: TestRig;
  before(async () => {
    rig = await testRig();
  });
  const supervisor = () => {
    const state = readState(layoutOf(rig.dir).state);
    assert.ok(state?.isAlive);
    return state.supervisor;
  };

  it('writes a rig.json that only its owner reads, with loopback addresses', () => {
    assert.equal(statSync(rig.file).mode & 0o777, 0o600);
    const file = RigFile.parse(JSON.parse(readFileSync(rig.file, 'utf8')));
    assert.equal(file.domain, 'skerry.test');
    assert.equal(file.xmpp.host, '127.0.0.1');
    assert.match(file.xmpp.websocketUrl, /^ws:\/\/127\.0\.0\.1:\d+\/ws$/);
    assert.deepEqual(
      file.accounts.map(({ jid, role }) => [jid, role]),
      [
        ['admin@skerry.test', 'admin'],
        ['operator@skerry.test', 'operator'],
        ['viewer@skerry.test', 'viewer'],
      ],
    );
    assert.equal(new Set(file.accounts.map(({ password }) => password)).size, 3);
    assert.deepEqual(file.hosts, [
      { name: 'host1', jid: 'host1@skerry.test' },
      { name: 'host2', jid: 'host2@skerry.test' },
    ]);
  });

  it('has four guests, two on each host', async () => {
    // virsh lists those that run first.
    const names = async (host: string): Promise<string[]> =>
      (await rig.virsh(host, ['list', '--all', '--name'])).split('\n').filter(Boolean).toSorted();
    assert.deepEqual(await names('host1'), ['fossil', 'venti']);
    assert.deepEqual(await names('host2'), ['cpu1', 'cpu2']);
  });

  it('boots a guest that has its address, its agent and its console', async () => {
    await rig.ensureRunning('host1', 'venti');
    const query = ['qemu-agent-command', 'venti', '{"execute":"guest-network-get-interfaces"}'];
    await until('the guest agent answers', () =>
      rig.virsh('host1', query).then(
        () => true,
        () => false,
      ),
    );
    // By DHCP, from the router.
    await until('it has its address', async () => /"ip-address":"10\.99\.0\.12"/.test(await rig.virsh('host1', query)));
    await rig.virsh('host1', ['shutdown', '--mode', 'acpi', 'venti']);
    await until('it is off', async () => (await rig.virsh('host1', ['domstate', 'venti'])).includes('shut off'));
    assert.match(await rig.consoleLog('host1', 'venti'), /venti was asked to power off/);
  });

  it('lets guests of two hosts reach each other, and neither of them anything else', async () => {
    await ensureAddressed(rig, 'host1', 'fossil');
    await ensureAddressed(rig, 'host2', 'cpu1');
    const ping = (address: string) =>
      inGuest(rig, 'host2', 'cpu1', ['ping', '-c', '1', '-W', '5', address]).then(({ exitCode }) => exitCode);
    assert.equal(await ping('10.99.0.17'), 0);
    // The machine's own addresses, and one beyond.
    const own = (await mainNetwork()).addresses
      .flatMap(([, found]) => found as string[])
      .filter((each) => /^\d+\./.test(each));
    for (const address of [...own.filter((each) => !each.startsWith('127.')), '192.0.2.1', '1.1.1.1']) {
      assert.notEqual(await ping(address), 0, address);
    }
    await rig.ensureOff('host1', 'fossil');
    await rig.ensureOff('host2', 'cpu1');
  });

  it('gives no machine of it a way out: no default route, no forwarding, no IPv6, no link of the main namespace', async () => {
    const main = (await mainNetwork()).links;
    for (const name of ['server', 'host1', 'host2']) {
      const inside = (args: string[]) => execa('nsenter', ['-t', `${rig.part(name).pid}`, '-a', '--', ...args]);
      assert.equal((await inside(['ip', 'route', 'show', 'default'])).stdout, '', name);
      assert.equal((await inside(['ip', '-6', 'addr', 'show', 'scope', 'global'])).stdout, '', name);
      assert.equal((await inside(['cat', '/proc/sys/net/ipv4/ip_forward'])).stdout, '0', name);
      const routes = (await inside(['ip', 'route'])).stdout.trim().split('\n');
      // The segment, and nothing of the private network: that is the guests' own.
      const own = routes.map((route) => route.split(' ').slice(0, 3).join(' '));
      assert.deepEqual(own, [`10.77.0.0/24 dev ${name === 'server' ? 'segment' : 'br0'}`], name);
      const links = JSON.parse((await inside(['ip', '-json', '-details', 'link'])).stdout) as Link[];
      for (const link of links.filter(({ linkinfo }) => linkinfo?.info_kind === 'veth')) {
        // The other end is in a namespace of the rig, and that is not the main one.
        assert.equal(main.includes(link.ifname), false, `${name}: ${link.ifname}`);
        assert.ok(link.link_netnsid !== undefined, `${name}: ${link.ifname}`);
      }
      await assert.rejects(inside(['bash', '-c', 'exec 3<>/dev/tcp/192.0.2.1/53']), /unreachable/, name);
    }
  });

  it('adds nothing to the main namespace but listeners on loopback', async () => {
    const held = [supervisor().pid, ...processesOf(rig.dir).map(({ pid }) => pid)];
    const ports = [rig.xmpp.port, rig.xmpp.directTlsPort, Number(new URL(rig.xmpp.websocketUrl).port)];
    assert.deepEqual((await listeners(held)).sort(), ports.map((port) => `127.0.0.1:${port}`).sort());
    assert.deepEqual(mountsOf(rig.dir), []);
    const { links, routes, addresses } = await mainNetwork();
    assert.equal(
      links.some((name) => /^(br0|segment|uplink|host\d|vnet\d+|virbr\d+)$/.test(name)),
      false,
    );
    assert.doesNotMatch(routes, /10\.(77|99)\./);
    assert.doesNotMatch(JSON.stringify(addresses), /10\.(77|99)\./);
  });

  it('refuses a second up, and says which process holds the first', async () => {
    const second = await rig.skerry(['up', '--detach']);
    assert.notEqual(second.exitCode, 0);
    assert.match(second.stderr, new RegExp(`is up, held by process ${supervisor().pid}`));
    assert.ok(isAlive(supervisor()));
  });

  it('tells its state', async () => {
    const told = await rig.skerry(['status']);
    assert.equal(told.exitCode, 0, told.stderr);
    assert.match(told.stdout, new RegExp(`127\\.0\\.0\\.1 port ${rig.xmpp.port}`));
    const { phase, parts } = JSON.parse((await rig.skerry(['status', '--json'])).stdout);
    assert.equal(phase, 'up');
    assert.deepEqual(parts.map(({ name }: { name: string }) => name).sort(), [
      'central',
      'ejabberd',
      'host1',
      'host1 agent',
      'host2',
      'host2 agent',
      'server',
    ]);
    assert.ok(parts.every(({ isRunning }: { isRunning: boolean }) => isRunning));
  });

  for (const name of ['host1 agent', 'central', 'ejabberd', 'host2', 'server'] as const) {
    it(`starts ${name} again after kill -9, and agents come back`, async () => {
      const before = rig.part(name);
      signal(before, 'SIGKILL');
      assert.ok(await areGone([before], 10_000));
      await until(`another ${name} runs`, () => rig.part(name).pid !== before.pid && isAlive(rig.part(name)));
      await until('both agents are connected', () => areConnected(rig, ['host1', 'host2']), 60_000);
    });
  }

  it('works on an existing libvirt in place of hosts of its own', async () => {
    const uri = `qemu+unix:///system?socket=/proc/${rig.part('host1').pid}/root/run/libvirt/libvirt-sock`;
    const { rig: other, stop } = await startRig(['--hypervisor', uri]);
    try {
      assert.deepEqual(other.hosts, [{ name: 'host1', jid: 'host1@skerry.test' }]);
      // Its agent is connected; what it has to report comes a moment later.
      await until('its guests are listed', async () =>
        /"fossil"[\s\S]*"venti"/.test((await other.skerry(['guest', 'list', '--json'])).stdout),
      );
    } finally {
      await stop();
    }
  });

  it('says what an agent has against its configuration', async () => {
    await assert.rejects(startRig(['--hypervisor', 'nonsense:///x']), /agent of host1 cannot work: .*nonsense:\/\/\/x/);
  });

  it('leaves guests running when libvirtd is killed', async () => {
    await rig.ensureRunning('host1', 'venti');
    await rig.restartLibvirtd('host1');
    assert.match(await rig.virsh('host1', ['domstate', 'venti']), /running/);
    await rig.ensureOff('host1', 'venti');
  });
});

interface Link {
  ifname: string;
  link_netnsid?: number;
  linkinfo?: { info_kind: string };
}

/** Asks the server itself, by its API in the server's machine. */
async function areConnected(rig: TestRig, hosts: readonly string[]): Promise<boolean> {
  const api = ejabberdApi({ socket: `/proc/${rig.part('server').pid}/root/run/ejabberd/api.sock` });
  const connected: string[] = await api('connected_users', {}).catch(() => []);
  return hosts.every((name) => connected.includes(`${name}@skerry.test/agent`));
}

describe('a rig that ends', function () {
  this.timeout(600_000);

  it('leaves nothing behind, whether it is taken down or killed, and comes up again with the same accounts', async () => {
    const network = await mainNetwork();
    const { rig, stop } = await startRig();
    const nothingIsLeft = async (seen: Seen) => {
      await until('all processes are gone', () => processesOf(rig.dir).length === 0);
      await until('all namespaces are gone', () => !areInUse(seen));
      assert.deepEqual(await mainNetwork(), network);
      assert.deepEqual(mountsOf(rig.dir), []);
    };
    const supervisor = () => {
      const state = readState(layoutOf(rig.dir).state);
      assert.ok(state?.isAlive);
      return state.supervisor;
    };
    try {
      // The one that holds it all, with a guest running: everything goes with it.
      await rig.ensureRunning('host1', 'venti');
      const first = machineNamespaces(rig);
      assert.equal(first.spaces.size, 3 * KINDS.length);
      assert.ok(areInUse(first));
      signal(supervisor(), 'SIGKILL');
      await nothingIsLeft(first);
      const killed = await rig.skerry(['status']);
      assert.match(killed.stdout, /was killed/);
      assert.equal(killed.exitCode, 3);

      const again = await rig.skerry(['up', '--detach']);
      assert.equal(again.exitCode, 0, again.stderr);
      assert.match(again.stdout, /The rig is up/);
      const { domain, ca, xmpp, accounts, hosts } = rig;
      assert.deepEqual(await readRigFile(rig.file), {
        domain,
        ca,
        xmpp,
        accounts,
        hosts,
        central: 'central.skerry.test',
        room: 'ops@conference.skerry.test',
        pubsub: 'pubsub.skerry.test',
      });
      assert.match(again.stdout, /The grid is up/);

      // All of it at once.
      const second = machineNamespaces(rig);
      for (const each of [...processesOf(rig.dir), supervisor()]) signal(each, 'SIGKILL');
      const cleared = await rig.skerry(['down']);
      assert.equal(cleared.exitCode, 0, cleared.stderr);
      await nothingIsLeft(second);
      assert.equal(existsSync(rig.file), false);

      assert.equal((await rig.skerry(['up', '--detach', '--idle'])).exitCode, 0);
      await rig.ensureRunning('host1', 'venti');
      const third = machineNamespaces(rig);
      const down = await rig.skerry(['down']);
      assert.match(down.stdout, /The rig is down/);
      await nothingIsLeft(third);
      assert.match(await rig.consoleLog('host1', 'venti'), /reboot: Power down/);
      assert.match((await rig.skerry(['down'])).stdout, /No rig was up/);
    } finally {
      await stop();
    }
  });
});
