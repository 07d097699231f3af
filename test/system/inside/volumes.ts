import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { after, afterEach, before, beforeEach, describe, it } from 'mocha';
import { run } from '#agent/exec/run.ts';
import { openDatabase } from '#agent/journal/database.ts';
import { settings } from '#agent/journal/settings.ts';
import { processesHere, tell } from '#agent/services/processes.ts';
import { type Exports, keptExports } from '#agent/volumes/exports.ts';
import { qemuVolumes } from '#agent/volumes/qemu/driver.ts';
import { systemClock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import type { Export } from '#shared/model/volume.ts';
import { until } from '../support/until.ts';

const READS: Export = { volume: 'root.raw', address: '127.0.0.1', port: 10_809, writable: false, clients: 16 };
const WRITES: Export = { volume: 'data.qcow2', address: '127.0.0.1', port: 10_810, writable: true, clients: 1 };
const ROOT = 'nbd://127.0.0.1:10809/root.raw';
const DATA = 'nbd://127.0.0.1:10810/data.qcow2';

const signal = (): AbortSignal => AbortSignal.timeout(60_000);
const failsWith = (code: string, words?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Failure, String(error));
  assert.equal(error.code, code, error.message);
  if (words) assert.match(error.message, words);
  return true;
};
/** QEMU's own client. @returns what it said, where all went well */
async function io(uri: string, ...commands: readonly string[]): Promise<string> {
  const isRead = commands.every((command) => command.startsWith('read'));
  const args = [...(isRead ? ['-r'] : []), ...commands.flatMap((command) => ['-c', command])];
  const { stdout, stderr, exitCode } = await execa('qemu-io', ['-f', 'raw', ...args, uri], {
    reject: false,
    timeout: 20_000,
  });
  assert.equal(exitCode, 0, `${stdout} ${stderr}`);
  return stdout;
}
const programs = async (word: string) => (await processesHere()).filter(({ argv }) => argv[0] === word);

describe('exports of volumes by qemu-nbd', function () {
  this.timeout(120_000);
  let folder: string;
  let exports: Exports;
  const holding: ChildProcess[] = [];
  const driver = () =>
    qemuVolumes({ run, host: 'host1', folder, services: join(folder, 'state', 'exports'), upMsMax: 5_000 });
  /** What an agent has in one of its lives. */
  const begun = async (): Promise<Exports> => {
    const database = openDatabase(join(folder, 'agent.sqlite'));
    const kept = keptExports({
      driver: driver(),
      settings: settings(database),
      clock: systemClock,
      log: { warn: () => {} },
      onBug: (error) => assert.fail(String(error)),
    });
    await kept.start();
    return {
      ...kept,
      stop: () => kept.stop().then(() => database.close()),
      get standing() {
        return kept.standing;
      },
    };
  };
  const begunAnew = async (): Promise<void> => {
    await exports.stop();
    exports = await begun();
  };
  /** A client that has it open until it is ended. */
  const held = async (uri: string): Promise<ChildProcess> => {
    const child = spawn('qemu-io', ['-r', '-f', 'raw', uri], { stdio: ['pipe', 'pipe', 'ignore'] });
    holding.push(child);
    child.stdin.write('read 0 512\n');
    await once(child.stdout, 'data');
    return child;
  };
  const letGo = async (child: ChildProcess): Promise<void> => {
    child.kill('SIGKILL');
    await once(child, 'close');
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skerry-volumes-'));
    await execa('qemu-img', ['create', '-q', '-f', 'raw', join(folder, 'root.raw'), '4M']);
    await execa('qemu-img', ['create', '-q', '-f', 'qcow2', join(folder, 'data.qcow2'), '8M']);
    await execa('qemu-io', ['-f', 'raw', '-c', 'write -P 0x5a 0 64k', join(folder, 'root.raw')]);
    await execa('mkdir', ['-p', join(folder, 'state')]);
  });
  beforeEach(async () => {
    exports = await begun();
  });
  afterEach(async () => {
    for (const child of holding.splice(0)) child.kill('SIGKILL');
    for (const { volume } of exports.standing) await exports.end(volume, true, signal());
    await exports.stop();
    assert.deepEqual(await programs('qemu-nbd'), [], 'no server is left');
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('lets a client read, and not write, what is to be read', async () => {
    await exports.keep(READS, false, signal());
    await io(ROOT, 'read -P 0x5a 0 64k', 'read -P 0 64k 64k');
    await assert.rejects(io(ROOT, 'write -P 1 0 512'), /Permission denied|read-only|Operation not permitted/i);
    const [server] = await programs('qemu-nbd');
    assert.equal(server?.argv.at(-1), join(folder, 'root.raw'));
    assert.deepEqual(exports.standing, [READS]);
  });

  it('keeps what a client wrote into what is to be written', async () => {
    await exports.keep(WRITES, false, signal());
    await io(DATA, 'write -P 0x77 1M 64k', 'flush');
    await exports.end(WRITES.volume, false, signal());
    const read = await execa('qemu-io', ['-r', '-f', 'qcow2', '-c', 'read -P 0x77 1M 64k', join(folder, 'data.qcow2')]);
    assert.doesNotMatch(read.stdout, /verification failed/);
    const file = await driver().read(WRITES.volume, signal());
    assert.deepEqual([file.format, file.sizeBytes], ['qcow2', 8 * 1_048_576]);
  });

  it('are refused of an image that hangs on what is in no volume', async () => {
    const [secret, volume] = [await mkdtemp(join(tmpdir(), 'skerry-secret-')), 'leads-out.qcow2'];
    try {
      await execa('qemu-img', ['create', '-q', '-f', 'raw', join(secret, 'file'), '1M']);
      const over = ['-F', 'raw', '-b', join(secret, 'file'), join(folder, volume)];
      await execa('qemu-img', ['create', '-q', '-f', 'qcow2', ...over]);
      const refused = failsWith('volume-export', /hangs on .*, which is not in /);
      await assert.rejects(exports.keep({ ...READS, volume }, false, signal()), refused);
      assert.deepEqual([exports.standing, await programs('qemu-nbd')], [[], []]);
      await execa('qemu-img', [
        'rebase',
        '-q',
        '-u',
        '-f',
        'qcow2',
        '-F',
        'raw',
        '-b',
        'root.raw',
        join(folder, volume),
      ]);
      await exports.keep({ ...READS, volume }, false, signal());
      await io('nbd://127.0.0.1:10809/leads-out.qcow2', 'read -P 0x5a 0 64k');
    } finally {
      await rm(secret, { recursive: true });
      await rm(join(folder, volume), { force: true });
    }
  });

  it('are refused where somebody else has the image open to write it, and are not wanted then', async () => {
    const other = spawn('qemu-io', ['-f', 'qcow2', join(folder, 'data.qcow2')], { stdio: ['pipe', 'pipe', 'ignore'] });
    holding.push(other);
    other.stdin.write('write 0 512\n');
    await once(other.stdout, 'data');
    await assert.rejects(exports.keep(WRITES, false, signal()), failsWith('volume-export', /lock/));
    assert.equal(exports.wanted(WRITES.volume), undefined);
    assert.deepEqual([exports.standing, await programs('qemu-nbd')], [[], []]);
    await letGo(other);
    await exports.keep(WRITES, false, signal());
  });

  it('say that there is no such volume, and make nothing', async () => {
    await assert.rejects(
      exports.keep({ ...READS, volume: 'none.raw' }, false, signal()),
      failsWith('volume-not-found'),
    );
    assert.equal(exports.wanted('none.raw'), undefined);
  });

  it('are not ended while a client uses them, unless it is to be cut off', async () => {
    await exports.keep(READS, false, signal());
    const client = await held(ROOT);
    await assert.rejects(exports.end(READS.volume, false, signal()), failsWith('volume-in-use', /127\.0\.0\.1:\d+/));
    await assert.rejects(exports.keep({ ...READS, clients: 3 }, false, signal()), failsWith('volume-in-use'));
    await io(ROOT, 'read -P 0x5a 0 512');
    await exports.keep(READS, false, signal());
    await letGo(client);
    await exports.end(READS.volume, false, signal());
    await exports.keep(READS, false, signal());
    await held(ROOT);
    await exports.end(READS.volume, true, signal());
    assert.deepEqual(await programs('qemu-nbd'), []);
  });

  it('count as up while as many use them as are let in, and answer no look', async () => {
    const one = { ...READS, clients: 1 };
    await exports.keep(one, false, signal());
    const clients = [await held(ROOT), await held(ROOT)];
    assert.equal(await driver().problemOf(one, signal()), undefined);
    await exports.keep(one, false, signal());
    for (const client of clients) await letGo(client);
  });

  it('are served in another way when that is said, and nobody uses them', async () => {
    await exports.keep(READS, false, signal());
    await exports.keep({ ...READS, port: 10_812 }, false, signal());
    await io('nbd://127.0.0.1:10812/root.raw', 'read -P 0x5a 0 512');
    await assert.rejects(io(ROOT, 'read 0 512'), /refused/i);
    await assert.rejects(
      exports.keep({ ...READS, address: '192.0.2.77' }, false, signal()),
      failsWith('volume-export'),
    );
    await io('nbd://127.0.0.1:10812/root.raw', 'read -P 0x5a 0 512');
    assert.deepEqual(exports.standing, [{ ...READS, port: 10_812 }], 'it is as it was');
  });

  it('go on while no agent runs, and are left alone by the next one', async () => {
    await exports.keep(READS, false, signal());
    await exports.keep(WRITES, false, signal());
    const client = await held(DATA);
    const before = (await programs('qemu-nbd')).map(({ pid }) => pid);
    await begunAnew();
    assert.deepEqual(
      (await programs('qemu-nbd')).map(({ pid }) => pid),
      before,
    );
    assert.deepEqual(exports.standing, [WRITES, READS]);
    assert.equal(client.exitCode, null);
  });

  it('are up again by themselves when a server dies', async () => {
    await exports.keep(READS, false, signal());
    const [server] = await programs('qemu-nbd');
    assert.ok(server);
    await tell(server, 'SIGKILL');
    await until(
      'another one serves',
      async () => (await programs('qemu-nbd')).some(({ pid }) => pid !== server.pid) || undefined,
    );
    await until('it answers', async () => (await io(ROOT, 'read -P 0x5a 0 512').catch(() => undefined)) || undefined);
  });

  it('are all there after a power cut, and nothing that is not wanted any more', async () => {
    await exports.keep(READS, false, signal());
    await exports.keep(WRITES, false, signal());
    await exports.stop();
    for (const each of [...(await programs('sh')), ...(await programs('qemu-nbd'))]) await tell(each, 'SIGKILL');
    await until('all is dead', async () => (await programs('qemu-nbd')).length === 0 || undefined);
    exports = await begun();
    assert.deepEqual(exports.standing, [WRITES, READS]);
    await io(ROOT, 'read -P 0x5a 0 512');
    await io(DATA, 'read 0 512');
    // As when the agent died between what it kept and what it did.
    const stray = { ...READS, volume: 'stray.raw', port: 10_815 };
    await execa('cp', [join(folder, 'root.raw'), join(folder, 'stray.raw')]);
    await driver().serve(stray, signal());
    await begunAnew();
    assert.equal((await programs('qemu-nbd')).length, 2);
    assert.ok(!(await readdir(join(folder, 'state', 'exports'))).some((name) => name.includes('stray')));
  });

  it('are of the folder that the configuration names by now', async () => {
    await exports.keep(READS, false, signal());
    const elsewhere = join(folder, 'elsewhere');
    await execa('mkdir', [elsewhere]);
    await execa('cp', [join(folder, 'root.raw'), join(elsewhere, 'root.raw')]);
    const services = join(folder, 'state', 'exports');
    const other = qemuVolumes({ run, host: 'host1', folder: elsewhere, services, upMsMax: 5_000 });
    await other.serve(READS, signal());
    assert.deepEqual(
      (await programs('qemu-nbd')).map(({ argv }) => argv.at(-1)),
      [join(elsewhere, 'root.raw')],
    );
    await other.end(READS.volume, signal());
  });

  it('are told with why while they cannot be, and mended when they can', async () => {
    await exports.keep(READS, false, signal());
    await exports.stop();
    for (const each of [...(await programs('sh')), ...(await programs('qemu-nbd'))]) await tell(each, 'SIGKILL');
    await execa('mv', [join(folder, 'root.raw'), join(folder, 'away')]);
    exports = await begun();
    assert.match(exports.standing[0]?.problem ?? '', /no volume root\.raw/);
    await execa('mv', [join(folder, 'away'), join(folder, 'root.raw')]);
    await until(
      'it is mended',
      async () => exports.standing.every(({ problem }) => problem === undefined) || undefined,
    );
    await io(ROOT, 'read -P 0x5a 0 512');
  });

  it('run as whose the file is, with no power', async () => {
    await execa('chown', ['nobody', join(folder, 'root.raw')]);
    await execa('chmod', ['755', folder]);
    await exports.keep(READS, false, signal());
    const [server] = await programs('qemu-nbd');
    assert.equal(server?.user, 65_534);
    const status = await execa('grep', ['CapEff', `/proc/${server?.pid}/status`]);
    assert.match(status.stdout, /\t0+$/);
    await io(ROOT, 'read -P 0x5a 0 512');
  });
});
