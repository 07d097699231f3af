import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { imageIn } from '#agent/images/folder.ts';
import { Failure } from '#shared/errors.ts';

describe('the folder of images', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skerry-images-'));
    const tar = Buffer.alloc(512);
    tar.write('ustar', 257);
    await mkdir(join(folder, 'root'));
    await Promise.all(
      Object.entries({
        'plain.tar': tar,
        'debian.img': gzipSync(tar),
        zst: zstdCompressSync(tar),
        xz: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 1, 2]),
        'alpine.tar': Buffer.from('hsqs and so on'),
        disk: Buffer.from('QFI\xfb\0\0\0\x03', 'latin1'),
        'disk.qcow2': Buffer.from('no qcow2'),
        empty: Buffer.alloc(0),
      }).map(([name, bytes]) => writeFile(join(folder, name), bytes)),
    );
    await symlink('root', join(folder, 'linked'));
  });
  after(() => rm(folder, { recursive: true }));

  it('says what an entry is by its content, whatever its name is', async () => {
    const names = [
      'root',
      'linked',
      'plain.tar',
      'debian.img',
      'zst',
      'xz',
      'alpine.tar',
      'disk',
      'disk.qcow2',
      'empty',
    ];
    const kinds = await Promise.all(names.map(async (name) => (await imageIn(folder, name, 'here')).kind));
    assert.deepEqual(kinds, [
      ...['folder', 'folder', 'tar', 'tar.gz', 'tar.zst', 'tar.xz', 'squashfs', 'qcow2', 'raw', 'raw'],
    ]);
  });

  it('says which there is where a name is mistyped, and that there is none', async () => {
    const problem = (of: string, name: string) => imageIn(of, name, 'here').catch((error: Error) => error.message);
    assert.match(String(await problem(folder, 'plain.tra')), /no image plain\.tra on here\. Did you mean plain\.tar\?/);
    assert.match(String(await problem(join(folder, 'none'), 'x')), /There is no image x on here\./);
  });

  it('takes no path for a name, whatever it is', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc.constantFrom('..', '.', '../etc/passwd', '/etc', 'a/b', '', 'root/', '.hidden', 'a\0b'),
        ),
        async (name) => {
          const found = await imageIn(folder, name, 'here').catch((error: unknown) => error);
          if (found instanceof Failure) assert.ok(['bad-argument', 'image-not-found'].includes(found.code), found.code);
          else assert.equal((found as { path: string }).path, join(folder, name));
          if (/[/\0]|^\./.test(name)) assert.ok(found instanceof Failure && found.code === 'bad-argument', name);
        },
      ),
    );
  });
});
