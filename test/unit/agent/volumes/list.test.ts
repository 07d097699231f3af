import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Run } from '#agent/exec/run.ts';
import { qemuVolumes } from '#agent/volumes/qemu/driver.ts';

describe('the list of volumes', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skerry-list-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const run: Run = async ({ file }) => assert.fail(`no program is needed, and ${file} was started`);
  const driver = () => qemuVolumes({ run, host: 'here', folder, services: join(folder, 'services') });
  const signal = () => AbortSignal.timeout(30_000);
  const create = (...words: string[]) => execa('qemu-img', ['create', '-q', ...words], { cwd: folder });

  it('has one that is no image with why, all that is, and nothing that leads elsewhere', async () => {
    for (const name of ['a.raw', 'half.qcow2', 'notes.txt']) await writeFile(join(folder, name), 'x');
    await symlink('/etc/passwd', join(folder, 'link.raw'));
    const [a, half, ...rest] = await driver().list(signal());
    assert.deepEqual({ ...a, usedBytes: 0 }, { name: 'a.raw', format: 'raw', sizeBytes: 512, usedBytes: 0 });
    assert.deepEqual([half?.name, half?.format, rest], ['half.qcow2', 'qcow2', []]);
    assert.match(half?.problem ?? '', /not in qcow2 format/);
    await assert.rejects(driver().read('link.raw', signal()), /no volume link\.raw/);
  });

  it('says what QEMU says of each', async () => {
    await create('-f', 'raw', 'sparse.raw', '3M');
    await writeFile(join(folder, 'odd.img'), Buffer.alloc(1_000, 1));
    await create('-f', 'qcow2', 'alone.qcow2', '7M');
    for (const [name, options] of [
      ['small.qcow2', 'cluster_size=512'],
      ['large.qcow2', 'cluster_size=2M'],
      ['old.qcow2', 'compat=0.10'],
    ] as const)
      await create('-f', 'qcow2', '-o', options, '-b', 'sparse.raw', '-F', 'raw', name);
    await create('-f', 'qcow2', '-b', 'small.qcow2', '-F', 'qcow2', 'top.qcow2', '9M');
    // The name so far behind that it is not in what is read first.
    const far = await readFile(join(folder, 'top.qcow2'));
    far.write('small.qcow2', 60_000);
    far.writeBigUInt64BE(60_000n, 8);
    await writeFile(join(folder, 'far.qcow2'), far);
    // What a file takes may change until it is on the disk.
    await execa('sync', ['-f', folder]);
    const listed = await driver().list(signal());
    assert.deepEqual(
      listed.map(({ name }) => name),
      ['alone', 'far', 'large', 'odd', 'old', 'small', 'sparse', 'top'].map((name) =>
        name === 'odd' ? 'odd.img' : `${name}.${name === 'sparse' ? 'raw' : 'qcow2'}`,
      ),
    );
    for (const { name, format, sizeBytes, usedBytes, backing } of listed) {
      const { stdout } = await execa('qemu-img', ['info', '--output=json', '-f', format, name], { cwd: folder });
      const said = JSON.parse(stdout) as Record<string, unknown>;
      assert.deepEqual(
        [sizeBytes, usedBytes, backing],
        [said['virtual-size'], said['actual-size'], said['backing-filename']],
        name,
      );
      assert.deepEqual(
        await driver().read(name, signal()),
        listed.find((each) => each.name === name),
      );
    }
  });

  it('waits for nothing that is no file, whatever its name is', async () => {
    await execa('mkfifo', [join(folder, 'pipe.raw'), join(folder, 'pipe.qcow2')]);
    await mkdir(join(folder, 'folder.raw'));
    const server = createServer().listen(join(folder, 'socket.raw'));
    await once(server, 'listening');
    try {
      assert.deepEqual(await driver().list(signal()), []);
      for (const name of ['pipe.raw', 'pipe.qcow2', 'folder.raw', 'socket.raw', 'gone.raw'])
        await assert.rejects(driver().read(name, signal()), { code: 'volume-not-found' }, name);
    } finally {
      server.close();
    }
  });

  it('opens nothing that an image names, and says what it names', async () => {
    await execa('mkfifo', [join(folder, 'never')]);
    const names = ['never', '/dev/zero', 'nbd://10.0.0.1:10809/x', '../secret', 'v5.qcow2', '\u0007\n<x>'];
    for (const [n, name] of names.entries())
      await create('-f', 'qcow2', '-u', '-b', name, '-F', 'raw', `v${n}.qcow2`, '1M');
    const listed = await driver().list(signal());
    assert.deepEqual(listed.map(({ backing }) => backing).toSorted(), names.toSorted());
    assert.ok(listed.every(({ sizeBytes, problem }) => sizeBytes === 1_048_576 && problem === undefined));
  });

  it('has images that are broken at any place, each with why or as it is, and the others with them', async () => {
    await create('-f', 'qcow2', '-u', '-b', 'below.raw', '-F', 'raw', 'good.qcow2', '1M');
    const good = (await readFile(join(folder, 'good.qcow2'))).subarray(0, 8_192);
    for (let at = 0; at < 104; at += 4) {
      const broken = Buffer.from(good);
      broken.writeUInt32BE(0xff_ff_ff_ff, at);
      await writeFile(join(folder, `broken-${at}.qcow2`), broken);
    }
    await writeFile(join(folder, 'empty.qcow2'), '');
    const listed = await driver().list(signal());
    assert.equal(listed.length, 28);
    const problemOf = (name: string) => listed.find((each) => each.name === name)?.problem;
    assert.equal(problemOf('good.qcow2'), undefined);
    for (const at of [0, 4, 8, 16, 20, 24])
      assert.match(problemOf(`broken-${at}.qcow2`) ?? '', /not in qcow2/, `${at}`);
    assert.match(problemOf('empty.qcow2') ?? '', /not in qcow2/);
  });

  it('is the first thousand by name of however many there are, and ends when its signal fires', async () => {
    const names = Array.from({ length: 2_300 }, (_, n) => `v${String(n).padStart(4, '0')}.raw`);
    // In no order.
    for (const name of names.toSorted((a, b) => (a.slice(3) < b.slice(3) ? -1 : 1)))
      await (await open(join(folder, name), 'w')).close();
    await truncate(join(folder, 'v0007.raw'), 5 * 2 ** 40);
    const listed = await driver().list(signal());
    assert.deepEqual(
      listed.map(({ name }) => name),
      names.slice(0, 1_000),
    );
    assert.equal(listed[7]?.sizeBytes, 5 * 2 ** 40);
    await assert.rejects(driver().list(AbortSignal.abort(new Error('it was called off'))), /called off/);
  });
});
