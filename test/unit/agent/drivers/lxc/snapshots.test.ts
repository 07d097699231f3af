import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import type { Work } from '#agent/drivers/driver.ts';
import { configOf } from '#agent/drivers/lxc/config-text.ts';
import { defineGuest, deleteGuest } from '#agent/drivers/lxc/defining.ts';
import type { Ground } from '#agent/drivers/lxc/ground.ts';
import { cloneGuest } from '#agent/drivers/lxc/making.ts';
import { mountIn } from '#agent/drivers/lxc/mounts.ts';
import { startGuest } from '#agent/drivers/lxc/power.ts';
import { folderMode } from '#agent/drivers/lxc/roots.ts';
import { deleteSnapshot, listSnapshots, revertSnapshot, takeSnapshot } from '#agent/drivers/lxc/snapshots.ts';
import { zoneIndex } from '#agent/drivers/lxc/zone-index.ts';
import { type Command, type Run, run } from '#agent/exec/run.ts';
import { Failure, type FailureCode } from '#shared/errors.ts';
import { turns } from '#shared/turns.ts';

const failed = (code: FailureCode) => (error: unknown) => error instanceof Failure && error.code === code;

describe('agent/drivers/lxc: the root of a zone', () => {
  /** Its time begins with each test. */
  let work: Work;
  let folder: string;
  let id: string;
  let state: string;
  let copy: Run;
  let ground: Ground;
  const root = () => join(folder, 'web/rootfs');
  const kept = () => join(folder, 'web/skerry-snapshots');
  const write = (text: string) => writeFile(join(root(), 'file'), text);
  const read = () => readFile(join(root(), 'file'), 'utf8');

  beforeEach(async () => {
    work = { signal: AbortSignal.timeout(60_000), progress: () => {} };
    folder = await mkdtemp(join(tmpdir(), 'skerry-lxc-unit-'));
    state = 'STOPPED';
    copy = run;
    await mkdir(root(), { recursive: true });
    await writeFile(join(folder, 'web/config'), `lxc.uts.name = web\nlxc.rootfs.path = dir:${root()}\n`);
    const own = async (command: Command, signal: AbortSignal): Promise<string> => {
      if (command.file === 'lxc-info') return `State: ${state}\n`;
      if (command.file === 'lxc-start') return '';
      return command.file === 'cp' ? copy(command, signal) : run(command, signal);
    };
    const zones = zoneIndex({ folder, host: 'here' });
    ground = {
      folder,
      logFolder: folder,
      host: 'here',
      run: own,
      inTurn: turns(),
      zones,
      cgroups: { memory: 2, cpu: 2, cpuset: 2 },
    } as unknown as Ground;
    id = (await zones.idOf('web')) ?? '';
    await write('first');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('is there whatever is done to its snapshots at the same time', async () => {
    await takeSnapshot(ground, id, 'one', work);
    await takeSnapshot(ground, id, 'old', work);
    await write('second');
    await Promise.all([
      revertSnapshot(ground, id, 'one', work),
      takeSnapshot(ground, id, 'two', work),
      deleteSnapshot(ground, id, 'old', work),
      revertSnapshot(ground, id, 'one', work),
      takeSnapshot(ground, id, 'three', work),
    ]);
    assert.equal(await read(), 'first');
    assert.deepEqual(
      (await listSnapshots(ground, id)).map(({ name }) => name),
      ['one', 'two', 'three'],
    );
    assert.deepEqual((await readdir(kept())).toSorted(), ['one', 'three', 'two'], 'and nothing is left');
  });

  it('takes its place again when a revert was cut off in the middle, before anything is removed', async () => {
    const cut = async (): Promise<void> => {
      const left = join(kept(), '.reverting-cut');
      await mkdir(left, { recursive: true });
      await rename(root(), join(left, 'before'));
    };
    await takeSnapshot(ground, id, 'one', work);
    await write('second');
    await cut();
    await deleteSnapshot(ground, id, 'one', work);
    assert.equal(await read(), 'second');
    await cut();
    await takeSnapshot(ground, id, 'two', work);
    assert.equal(await read(), 'second');
    await cut();
    await startGuest(ground, id, { paused: false, params: [] }, work.signal);
    assert.equal(await read(), 'second', 'a start needs no help');
    await cut();
    await deleteGuest(ground, id, work.signal);
    assert.equal(await read(), 'second', 'the root of a zone that is deleted stays');
    assert.deepEqual(await readdir(join(folder, 'web')), ['rootfs']);
  });

  it('has no snapshots of another zone that was in its folder, though its removal was cut off', async () => {
    const cutOff = async (): Promise<void> => {
      await mkdir(join(kept(), '.reverting-cut', 'before'), { recursive: true });
      await rm(join(folder, 'web/config'));
    };
    const snapshots = async () => listSnapshots(ground, (await ground.zones.idOf('web')) ?? '');
    await cloneGuest(ground, id, { name: 'other', linked: false }, work);
    const other = (await ground.zones.idOf('other')) ?? '';
    await takeSnapshot(ground, id, 'one', work);
    await cutOff();
    await cloneGuest(ground, other, { name: 'web', linked: false }, work);
    assert.deepEqual(await snapshots(), []);
    await takeSnapshot(ground, (await ground.zones.idOf('web')) ?? '', 'two', work);
    await cutOff();
    await defineGuest(ground, `lxc.uts.name = web\nlxc.rootfs.path = dir:${root()}\n`, false, work.signal);
    assert.deepEqual(await snapshots(), []);
  });

  it('is that of before where the fresh one cannot take its place', async () => {
    await takeSnapshot(ground, id, 'one', work);
    await write('second');
    copy = async (command, signal) => {
      await run(command, signal);
      await rm(command.args.at(-1) ?? '', { recursive: true });
      return '';
    };
    await assert.rejects(revertSnapshot(ground, id, 'one', work));
    assert.equal(await read(), 'second');
  });

  it('is not copied, and not changed, when the zone was started meanwhile', async () => {
    await takeSnapshot(ground, id, 'one', work);
    await write('second');
    copy = async (command, signal) => {
      state = 'RUNNING';
      return run(command, signal);
    };
    for (const change of [() => takeSnapshot(ground, id, 'two', work), () => revertSnapshot(ground, id, 'one', work)]) {
      state = 'STOPPED';
      await assert.rejects(change(), failed('snapshot-unfit'));
    }
    state = 'STOPPED';
    await assert.rejects(cloneGuest(ground, id, { name: 'copy', linked: false }, work), failed('guest-wrong-state'));
    assert.equal(await read(), 'second');
    assert.deepEqual(await readdir(kept()), ['one']);
    assert.deepEqual(await readdir(folder), ['web']);
  });

  it('has no snapshots where its path means another folder', async () => {
    for (const path of ['..', '.', 'skerry-snapshots', '../web']) {
      await writeFile(join(folder, 'web/config'), `lxc.uts.name = web\nlxc.rootfs.path = dir:${folder}/web/${path}\n`);
      await assert.rejects(takeSnapshot(ground, id, 'one', work), failed('snapshot-unfit'));
    }
  });

  it('of a zone that was being made is removed when its agent is no more, and by nobody else', async () => {
    const other = spawn('sleep', ['60']);
    await once(other, 'spawn');
    try {
      const [dead, alive] = ['.making-999999999-x', `.making-${other.pid}-x`];
      for (const left of [dead, alive]) await mkdir(join(folder, left, 'rootfs'), { recursive: true });
      const clone = (name: string) => cloneGuest(ground, id, { name, linked: false }, work);
      await Promise.all([clone('a'), clone('b'), clone('c')]);
      assert.deepEqual((await readdir(folder)).toSorted(), [alive, 'a', 'b', 'c', 'web']);
    } finally {
      other.kill('SIGKILL');
    }
  });

  it('that does not fit onto the disk is told so', async () => {
    copy = async () => {
      throw new Failure('host-command', { problem: "cp: error writing 'x': No space left on device" });
    };
    await assert.rejects(takeSnapshot(ground, id, 'one', work), failed('host-space'));
  });

  it('is out of reach of others of the host, unless its files are shifted themselves', async () => {
    const idmap = 'lxc.idmap = u 0 100000 65536\n';
    assert.equal(folderMode(configOf('')), 0o700);
    assert.equal(folderMode(configOf(`${idmap}lxc.rootfs.options = idmap=container`)), 0o700);
    assert.equal(folderMode(configOf(idmap)), 0o711);
    await chmod(join(folder, 'web'), 0o755);
    const clone = await cloneGuest(ground, id, { name: 'copy', linked: false }, work).then(() =>
      stat(join(folder, 'copy')),
    );
    assert.equal(clone.mode & 0o077, 0);
  });
});

describe('agent/drivers/lxc: mounts', () => {
  const INFO = `22 1 0:21 / / rw shared:1 - ext4 /dev/x rw
31 22 0:30 / /var/lib/lxc/web/rootfs/my\\040data rw - ext4 /dev/y rw
32 22 0:31 / /var/lib/lxc/web2 rw - ext4 /dev/z rw
`;
  it('are found at a folder and below it, and nowhere else', () => {
    assert.equal(mountIn(INFO, '/var/lib/lxc/web/rootfs'), '/var/lib/lxc/web/rootfs/my data');
    assert.equal(mountIn(INFO, '/var/lib/lxc/web2/'), '/var/lib/lxc/web2');
    assert.equal(mountIn(INFO, '/var/lib/lxc/we'), undefined);
    assert.equal(mountIn(INFO, '/var/lib/lxc/web2/rootfs'), undefined);
  });
});
