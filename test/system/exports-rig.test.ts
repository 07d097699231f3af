import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { after, before, describe, it } from 'mocha';
import { layoutOf } from '#provisioning/rig/layout.ts';
import type { NodeRecord } from '#shared/verbs/chain.ts';
import { type TestRig, testRig, until } from './support/rig.ts';

const URI = 'nbd://10.77.0.11:10809/root.raw';
/** host2 is to use what host1 serves, and so host2 looks. The second part is host1's own, and comes up at its boot. */
const CHAIN = `chain: diskless
autostart: true
nodes:
  root:
    kind: export
    host: host1
    export: { volume: root.raw, port: 10809, clients: 2 }
    stop: { timeout: 8s }
  seen: { kind: check, after: [root], ready: { nbd: '${URI}', from: host2, every: 500ms } }
  cpu1: { host: host2, after: [seen] }
  venti: { host: host1, after: [root] }
`;

const isReady = ({ phase, why }: NodeRecord): boolean => phase === 'ready' && why === '';

describe('exports of volumes in a chain of the rig', function () {
  this.timeout(180_000);
  let rig: TestRig;
  let folder: string;
  const holding: ChildProcess[] = [];

  const nodes = async (): Promise<Map<string, NodeRecord>> => {
    const { stdout } = await rig.skerry(['chain', 'status', 'diskless', '--json']);
    return new Map((JSON.parse(stdout || '[]') as NodeRecord[]).map((node) => [node.node, node]));
  };
  const stateOf = async (host: string, guest: string) => (await rig.virsh(host, ['domstate', guest])).trim();
  const entering = (host: string, ...argv: string[]): [string, string[]] => [
    'setpriv',
    ['--pdeathsig', 'KILL', 'nsenter', '-t', `${rig.hostPid(host)}`, '-a', '--', ...argv],
  ];
  /** Read by QEMU's own client, on that host. */
  const reads = async (host: string): Promise<boolean> => {
    const args = ['-r', '-f', 'raw', '-c', 'read -P 0x5a 0 64k', URI];
    const { exitCode, stdout } = await execa(...entering(host, 'qemu-io', ...args), { reject: false, timeout: 20_000 });
    return exitCode === 0 && !stdout.includes('verification failed');
  };
  const servers = async (): Promise<string> =>
    (await execa(...entering('host1', 'pgrep', '-x', 'qemu-nbd'), { reject: false })).stdout.trim();
  const held = async (): Promise<ChildProcess> => {
    const [file, args] = entering('host2', 'qemu-io', '-r', '-f', 'raw', URI);
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'ignore'] });
    holding.push(child);
    child.stdin.write('read 0 512\n');
    await once(child.stdout, 'data');
    return child;
  };
  const allOff = async (): Promise<void> => {
    await rig.ensureOff('host1', 'venti');
    await rig.ensureOff('host2', 'cpu1');
  };

  before(async () => {
    rig = await testRig();
    await allOff();
    folder = await mkdtemp(join(tmpdir(), 'skerry-diskless-'));
    await writeFile(join(folder, 'diskless.yaml'), CHAIN);
    const volume = join(layoutOf(rig.dir).host('host1'), 'volumes', 'root.raw');
    await execa('qemu-img', ['create', '-q', '-f', 'raw', volume, '4M']);
    await execa('qemu-io', ['-f', 'raw', '-c', 'write -P 0x5a 0 64k', volume]);
    await until('the hosts are heard', async () => {
      const hosts = JSON.parse((await rig.skerry(['host', 'list', '--json'])).stdout || '[]') as { state: string }[];
      return hosts.length === 2 && hosts.every(({ state }) => state === 'up');
    });
  });
  after(async () => {
    for (const child of holding) child.kill('SIGKILL');
    await rig.skerry(['chain', 'cancel', 'diskless']);
    await rig.skerry(['chain', 'delete', 'diskless', '--yes']);
    await rig.skerry(['volume', 'unexport', 'host1', 'root.raw', 'force=yes']);
    await allOff();
    await rm(folder, { recursive: true, force: true });
  });

  it('are listed by their host, and planned before what needs them', async () => {
    await rig.does('chain', 'set', join(folder, 'diskless.yaml'));
    assert.match(
      await rig.does('chain', 'plan', 'diskless'),
      /4 nodes in 3 waves.*\n1\. root\n2\. seen, venti\n3\. cpu1/u,
    );
    assert.match(await rig.does('volume', 'list', 'host1'), /root\.raw +raw +4 .*idle/u);
    assert.equal(await reads('host2'), false);
  });

  it('start the guest when the host that is to use the export sees it', async () => {
    await rig.does('chain', 'up', 'diskless');
    assert.deepEqual([await stateOf('host1', 'venti'), await stateOf('host2', 'cpu1')], ['running', 'running']);
    assert.ok(await reads('host2'));
    const since = await nodes();
    const inOrder = ['root', 'seen', 'cpu1'].map((name) => since.get(name)?.since ?? '');
    assert.deepEqual(inOrder, inOrder.toSorted());
    assert.match(await rig.does('volume', 'info', 'host1', 'root.raw'), new RegExp(`${URI}`));
  });

  it('are taken as they are, and outlive their agent', async () => {
    const before = await servers();
    await rig.does('chain', 'up', 'diskless');
    await rig.killAgent('host1');
    assert.ok(await reads('host2'));
    await until('the agent tells of it again', async () => {
      const { stdout } = await rig.skerry(['volume', 'list', 'host1', '--json']);
      return (JSON.parse(stdout || '[]') as { state: string }[]).some(({ state }) => state === 'up');
    });
    assert.equal(await servers(), before, 'one server, and the same');
  });

  it('stay while somebody uses them, who is told; and end when nobody does', async () => {
    const client = await held();
    const down = await rig.skerry(['chain', 'down', 'diskless', '--yes']);
    assert.equal(down.exitCode, 1);
    assert.match(`${down.stdout}${down.stderr}`, /root\.raw is used by 10\.77\.0\.12:\d+/u);
    assert.deepEqual([await stateOf('host1', 'venti'), await stateOf('host2', 'cpu1')], ['shut off', 'shut off']);
    assert.ok(await reads('host2'), 'it is served still');
    client.kill('SIGKILL');
    await once(client, 'close');
    await rig.does('chain', 'down', 'diskless', '--yes');
    assert.deepEqual([await reads('host2'), await servers()], [false, '']);
  });

  it('come up at the boot of their host, before its guests, with neither central nor server', async () => {
    await rig.does('chain', 'up', 'diskless');
    await rig.ensureOff('host2', 'cpu1');
    const holds = [rig.hold('ejabberd'), rig.hold('central')];
    try {
      await rig.cutPower('host1');
      await until('venti runs', async () => (await stateOf('host1', 'venti').catch(() => '')) === 'running', 90_000);
      assert.ok(await reads('host2'));
    } finally {
      for (const goOn of holds) goOn();
    }
    const before = await servers();
    // Its host has booted: the chain comes up by itself, with what is missing elsewhere, and takes what there is as it is.
    await until(
      'cpu1 is up again',
      async () => (await stateOf('host2', 'cpu1')) === 'running' && [...(await nodes()).values()].every(isReady),
      90_000,
    );
    assert.equal(await servers(), before);
    await rig.does('chain', 'down', 'diskless', '--yes');
    assert.equal(await servers(), '');
  });
});
