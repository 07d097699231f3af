import assert from 'node:assert/strict';
import { mkdir, mkdtemp, open, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { chainProblem } from '#agent/images/chain.ts';
import { parseQcow2Head } from '#agent/images/qcow2-head.ts';

/** The place of the features that a reader has to know; bit 2 of its last byte says that the blocks are in another file. */
const FEATURES_LAST = 79;

describe('agent/images: what an image hangs on', () => {
  let outside: string;
  let folder: string;

  beforeEach(async () => {
    outside = await mkdtemp(join(tmpdir(), 'skerry-chain-'));
    folder = join(outside, 'images');
    await mkdir(join(folder, 'below'), { recursive: true });
    await writeFile(join(outside, 'secret'), Buffer.alloc(65_536));
    await writeFile(join(folder, 'base.raw'), Buffer.alloc(65_536));
  });
  afterEach(() => rm(outside, { recursive: true, force: true }));

  /** Made by qemu-img; one that it would not make gets the name afterwards. */
  const image = async (name: string, backing?: string, format = 'raw'): Promise<string> => {
    const file = join(folder, name);
    const below = backing === undefined ? [] : ['-u', '-b', backing, '-F', format];
    await execa('qemu-img', ['create', '-q', '-f', 'qcow2', ...below, file, '1M']);
    return file;
  };
  const problem = (file: string, within: string | undefined = folder) =>
    chainProblem({ file, format: 'qcow2' }, within);

  it('is well in the folder, over any number of links up to a bound', async () => {
    assert.equal(await problem(await image('alone')), undefined);
    assert.equal(await problem(await image('over', 'base.raw')), undefined);
    assert.equal(await problem(await image('absolute', join(folder, 'base.raw'))), undefined);
    await image('below/middle', '../base.raw');
    assert.equal(await problem(await image('top', 'below/middle', 'qcow2')), undefined);
    assert.match((await problem(await image('round', 'round', 'qcow2'))) ?? '', /hangs on more than 32/);
  });

  it('is refused where it says twice of which format that is: QEMU takes the last', async () => {
    await image('middle', '../secret');
    const file = await image('twice', 'middle', 'raw');
    const bytes = await readFile(file);
    const at = bytes.indexOf(Buffer.from('e2792aca', 'hex'));
    const name = bytes.indexOf('middle', at);
    const second = Buffer.from(`e2792aca00000005${Buffer.from('qcow2').toString('hex')}000000`, 'hex');
    // The second behind the first, and the name behind both.
    const moved = Buffer.concat([
      bytes.subarray(0, at + 16),
      second,
      bytes.subarray(at + 16, name),
      Buffer.from('middle'),
    ]);
    moved.copy(bytes);
    bytes.writeBigUInt64BE(BigInt(name + second.length), 8);
    await writeFile(file, bytes);
    const { stdout } = await execa('qemu-img', ['info', '--output=json', file]);
    assert.equal((JSON.parse(stdout) as Record<string, string>)['backing-filename-format'], 'qcow2', 'what QEMU says');
    assert.match((await problem(file)) ?? '', /no qcow2/);
  });

  it('is refused where it is a pipe, and nobody waits for it', async () => {
    await execa('mkfifo', [join(folder, 'pipe')]);
    assert.match((await problem(join(folder, 'pipe'))) ?? '', /no plain file/);
  });

  it('is refused outside it, directly, by a link, and further down', async () => {
    await symlink(join(outside, 'secret'), join(folder, 'link'));
    await symlink(outside, join(folder, 'way'));
    await mkdir(join(outside, 'a/b'), { recursive: true });
    await writeFile(join(outside, 'a/base.raw'), Buffer.alloc(65_536));
    await symlink(join(outside, 'a/b'), join(folder, 'deep'));
    await image('middle', '../secret');
    for (const [name, backing, format = 'raw'] of [
      ['one', '../secret'],
      ['two', join(outside, 'secret')],
      ['three', 'link'],
      ['four', 'way/secret'],
      ['five', 'middle', 'qcow2'],
      // By the letters of it, it is in the folder.
      ['six', 'deep/../base.raw'],
    ] as const) {
      const file = await image(name, backing, format);
      assert.match((await problem(file)) ?? '', /^it hangs on .*, which is not in /, name);
      assert.equal(await chainProblem({ file, format: 'qcow2' }, undefined), undefined, name);
    }
  });

  it('is refused anywhere where it is no plain file, or of a format that names more', async () => {
    for (const [backing, format, said] of [
      ['nbd://127.0.0.1:10809/x', 'raw', /which is no file/],
      ['json:{"driver":"file","filename":"/etc/passwd"}', 'raw', /which is no file/],
      ['file:base.raw', 'raw', /which is no file/],
      ['/dev/null', 'raw', /there is no such file/],
      ['none', 'raw', /there is no such file/],
      ['base.raw', 'vmdk', /of format vmdk/],
      ['base.raw', 'qcow2', /is no qcow2/],
    ] as const)
      for (const within of [folder, undefined])
        assert.match((await problem(await image('over', backing, format), within)) ?? '', said, backing);
  });

  it('is refused where its blocks are in another file', async () => {
    const file = await image('split');
    await using handle = await open(file, 'r+');
    await handle.write(Buffer.of(0b100), 0, 1, FEATURES_LAST);
    assert.match((await problem(file)) ?? '', /keeps its blocks in another file/);
  });

  it('is taken by its content where no format is said, and refused where that could be anything', async () => {
    const old = async (name: string, backing: string): Promise<string> => {
      const file = join(folder, name);
      await execa('qemu-img', [
        'create',
        '-q',
        '-f',
        'qcow2',
        '-o',
        'compat=0.10',
        '-u',
        '-b',
        backing,
        '-F',
        'raw',
        file,
        '1M',
      ]);
      await using handle = await open(file, 'r+');
      const at = (await handle.read(Buffer.alloc(4_096), 0, 4_096, 0)).buffer.indexOf(Buffer.from('e2792aca', 'hex'));
      // An extension of that type nobody knows, and so it is passed over.
      await handle.write(Buffer.from('12345678', 'hex'), 0, 4, at);
      return file;
    };
    await image('qcow2-base');
    assert.equal(await problem(await old('of-qcow2', 'qcow2-base')), undefined);
    assert.match((await problem(await old('of-raw', 'base.raw'))) ?? '', /nothing says of which format/);
  });

  it('reads what qemu-img writes, and no bytes bring it down', async () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.integer({ min: 2, max: 3 }), (tail, version) => {
        const head = Buffer.concat([Buffer.from([0x51, 0x46, 0x49, 0xfb, 0, 0, 0, version]), tail]);
        const read = parseQcow2Head(head);
        assert.ok(read === undefined || read.backing === undefined || read.backing.name.length > 0);
      }),
    );
    const name = 'a'.repeat(1_000);
    const file = await image('long', name);
    await using handle = await open(file, 'r');
    const { buffer } = await handle.read(Buffer.alloc(65_536), 0, 65_536, 0);
    assert.deepEqual(parseQcow2Head(buffer), {
      sizeBytes: 1_048_576,
      backing: { name, format: 'raw' },
      hasDataFile: false,
    });
  });
});
