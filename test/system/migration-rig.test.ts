import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { layoutOf } from '#provisioning/rig/layout.ts';
import type { Job } from '#shared/model/job.ts';
import { ensureAddressed, inGuest } from './support/in-guest.ts';
import { type TestRig, testRig, until } from './support/rig.ts';

const exec = promisify(execFile);
type Host = 'host1' | 'host2';
const GUEST = 'venti';
const ADDRESS = '10.99.0.12';
/** At port 9100, as /proc/net/tcp says it. */
const LISTENS = ':238C ';
const DISK_BYTES = 16 * 2 ** 20;

describe('a guest of QEMU that moves', function () {
  this.timeout(480_000);
  let rig: TestRig;
  before(async () => {
    rig = await testRig();
    for (const name of [GUEST, 'fossil']) await ensureAddressed(rig, 'host1', name);
  });
  after(async () => {
    const at = await where();
    if (at === 'host2') await skerry('guest', 'migrate', GUEST, 'to=host1');
    for (const name of [GUEST, 'fossil']) await rig.ensureOff('host1', name);
  });

  const skerry = async (...args: string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await rig.skerry(args);
    assert.equal(exitCode, 0, `${args.join(' ')}: ${stdout} ${stderr}`);
    return stdout;
  };
  /** Where libvirt has it, and how; on one host at a time. */
  const places = async (guest = GUEST): Promise<[Host, string][]> => {
    const found: [Host, string][] = [];
    for (const host of ['host1', 'host2'] as const)
      await rig.virsh(host, ['domstate', guest]).then(
        (state) => found.push([host, state.trim()]),
        () => {},
      );
    return found;
  };
  const where = async (): Promise<Host | undefined> => (await places())[0]?.[0];
  const job = async (id: string): Promise<Job> => JSON.parse(await skerry('job', 'info', id, '--json'));
  /** As fast as it goes, also when it is on its way. */
  const quickly = (host: Host): Promise<unknown> =>
    rig.virsh(host, ['migrate-setspeed', GUEST, '1000']).catch(() => 'it is not there any more');
  /** Begin to move it, so slowly that it can be cut off; it is sped up when its end is waited for. */
  const slowly = async (from: Host, to: Host): Promise<{ ended(): Promise<Job>; id: string }> => {
    await rig.virsh(from, ['migrate-setspeed', GUEST, '1']);
    const moving = rig.skerry(['guest', 'migrate', GUEST, `to=${to}`, '--json']);
    const list = async (): Promise<Job[]> => JSON.parse(await skerry('job', 'list', 'state=running', '--json'));
    let id = '';
    await until('it is being sent', async () => {
      const found = (await list()).find(({ verb, progress }) => verb === 'guest.migrate' && /are left/.test(progress));
      id = found?.id ?? '';
      return found !== undefined;
    });
    const ended = async (): Promise<Job> => {
      await quickly(from);
      await moving;
      await until('the job has ended', async () => (await job(id)).state !== 'running', 90_000);
      await quickly((await where()) as Host);
      return job(id);
    };
    return { id, ended };
  };
  const bootOf = async (host: string): Promise<string> =>
    (await inGuest(rig, host, GUEST, ['cat', '/proc/sys/kernel/random/boot_id'])).stdout.trim();

  it('goes on there as it was: what runs in it, and connections to it', async () => {
    const boot = await bootOf('host1');
    await inGuest(rig, 'host1', GUEST, ['sh', '-c', '(sleep 600 | nc -l -p 9100 >/tmp/got) >/dev/null 2>&1 &']);
    await until('it listens', async () =>
      (await inGuest(rig, 'host1', GUEST, ['cat', '/proc/net/tcp', '/proc/net/tcp6'])).stdout.includes(LISTENS),
    );
    const talk = `echo before; while [ ! -e /tmp/moved ]; do sleep 0.1; done; echo after`;
    const says = `((${talk}) | nc ${ADDRESS} 9100) >/dev/null 2>&1 &`;
    await inGuest(rig, 'host1', 'fossil', ['sh', '-c', says]);
    const got = async (host: string) => (await inGuest(rig, host, GUEST, ['cat', '/tmp/got'])).stdout;
    await until('they are connected', async () => (await got('host1')) === 'before\n');

    await skerry('guest', 'migrate', GUEST, 'to=host2');
    assert.deepEqual(await places(), [['host2', 'running']]);
    assert.equal(await bootOf('host2'), boot, 'it was not booted anew');
    await inGuest(rig, 'host1', 'fossil', ['touch', '/tmp/moved']);
    await until('the connection goes on', async () => (await got('host2')) === 'before\nafter\n');
    const { host, state } = JSON.parse(await skerry('guest', 'info', GUEST, '--json'));
    assert.deepEqual([host, state], ['host2', 'running']);
  });

  it('has its console there, and its network is guarded there and nowhere else', async () => {
    await skerry('console', 'send', GUEST, 'echo moved-$((40 + 2))');
    await until('it answers', async () => (await skerry('console', 'read', GUEST)).includes('moved-42'));
    const guards = async (host: string) => {
      const enter = ['-t', `${rig.part(host).pid}`, '-a', '--'];
      return (await exec('nsenter', [...enter, 'nft', 'list', 'table', 'bridge', 'skerry'])).stdout;
    };
    await until('host1 has let go of it', async () => !(await guards('host1')).includes(ADDRESS));
    assert.ok((await guards('host2')).includes(ADDRESS));
  });

  it('comes back', async () => {
    const boot = await bootOf('host2');
    await skerry('guest', 'migrate', GUEST, 'to=host1');
    assert.deepEqual(await places(), [['host1', 'running']]);
    assert.equal(await bootOf('host1'), boot);
  });

  it('stays when it is called off, and is at one of them when the agent that sends it is killed', async () => {
    const boot = await bootOf('host1');
    const cancelled = await slowly('host1', 'host2');
    await skerry('job', 'cancel', cancelled.id);
    assert.equal((await cancelled.ended()).state, 'cancelled');
    assert.deepEqual(await places(), [['host1', 'running']]);

    const begunAnew = await slowly('host1', 'host2');
    await rig.killAgent('host1');
    const { state, progress } = await begunAnew.ended();
    assert.deepEqual(await places(), [[state === 'done' ? 'host2' : 'host1', 'running']], progress);
    const at = (await where()) as Host;
    assert.equal(await bootOf(at), boot);
    if (at === 'host2') await skerry('guest', 'migrate', GUEST, 'to=host1');
  });

  it('is finished by a central that was killed in the middle', async () => {
    const moving = await slowly('host1', 'host2');
    await rig.killCentral();
    const { state, progress } = await moving.ended();
    assert.equal(state, 'done', progress);
    assert.deepEqual(await places(), [['host2', 'running']]);
    await skerry('guest', 'migrate', GUEST, 'to=host1');
  });

  it('has its disks with it, and is refused where there is something in their place', async () => {
    const folder = (host: Host, kind: string): string => join(layoutOf(rig.dir).host(host), kind);
    const image = join(folder('host1', 'images'), 'moving.qcow2');
    await exec('qemu-img', ['create', '-q', '-f', 'qcow2', image, String(DISK_BYTES)]);
    await exec('qemu-io', ['-c', 'write -P 0x5a 1M 2M', image]);
    await skerry('guest', 'create', 'mover', 'moving.qcow2', 'host1', 'memoryMiB=64');
    const file = /source file='([^']+)'/.exec(await rig.virsh('host1', ['dumpxml', 'mover']))?.[1] ?? '';
    const there = join(folder('host2', 'disks'), basename(file));
    try {
      await skerry('guest', 'start', 'mover');
      await copyFile(image, there);
      const refused = await rig.skerry(['guest', 'migrate', 'mover', 'to=host2']);
      assert.match(refused.stdout + refused.stderr, /already; remove it/);
      assert.deepEqual(await places('mover'), [['host1', 'running']]);
      await rm(there);

      await skerry('guest', 'migrate', 'mover', 'to=host2');
      assert.deepEqual(await places('mover'), [['host2', 'running']]);
      assert.ok(!existsSync(file), 'the source has no copy left');
      await skerry('guest', 'poweroff', 'mover', '--yes');
      const { stdout } = await exec('qemu-io', ['-r', '-c', 'read -P 0x5a 1M 2M', there]);
      assert.doesNotMatch(stdout, /failed/);
    } finally {
      for (const [host] of await places('mover')) {
        await rig.ensureOff(host, 'mover');
        await rig.virsh(host, ['undefine', 'mover']);
      }
      for (const each of [file, there, image]) await rm(each, { force: true });
    }
  });
});
