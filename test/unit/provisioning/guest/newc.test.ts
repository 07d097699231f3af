import assert from 'node:assert/strict';
import { execa } from 'execa';
import fc from 'fast-check';
import { type Entry, newcOf } from '#provisioning/guest/newc.ts';

const ENTRIES: Entry[] = [
  { path: 'init', kind: 'file', bytes: Buffer.from('#!/bin/sh\n'), isExecutable: true },
  { path: 'etc', kind: 'folder' },
  { path: 'etc/passwd', kind: 'file', bytes: Buffer.from('root:x:0:0::/:/bin/sh\n') },
  { path: 'bin', kind: 'link', target: 'usr/bin' },
];

describe('newcOf', () => {
  it('is read by cpio with names, modes, owners and sizes', async () => {
    const { stdout } = await execa('busybox', ['cpio', '-tv'], { input: newcOf(ENTRIES) });
    const lines = stdout.split('\n').map((line) => line.replace(/ +/g, ' '));
    assert.match(lines[0] ?? '', /^lrwxrwxrwx .*bin -> usr\/bin$/);
    assert.match(lines[1] ?? '', /^drwxr-xr-x 0\/0 .* etc$/);
    assert.match(lines[2] ?? '', /^-rw-r--r-- 0\/0 22 .* etc\/passwd$/);
    assert.match(lines[3] ?? '', /^-rwxr-xr-x 0\/0 10 .* init$/);
  });

  it('gives the same bytes in whatever order entries come', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(ENTRIES, { minLength: ENTRIES.length }), (shuffled) => {
        assert.deepEqual(newcOf(shuffled), newcOf(ENTRIES));
      }),
    );
  });

  it('starts every member on a multiple of four, whatever the lengths', () => {
    const file = fc.record({ path: fc.stringMatching(/^[a-z]{1,20}$/), bytes: fc.uint8Array({ maxLength: 20 }) });
    fc.assert(
      fc.property(fc.uniqueArray(file, { selector: ({ path }) => path }), (files) => {
        const archive = newcOf(files.map(({ path, bytes }) => ({ path, kind: 'file', bytes })));
        let at = 0;
        for (let count = 0; count <= files.length; count += 1) {
          assert.equal(archive.toString('latin1', at, at + 6), '070701');
          const size = Number.parseInt(archive.toString('latin1', at + 54, at + 62), 16);
          const name = Number.parseInt(archive.toString('latin1', at + 94, at + 102), 16);
          at = ((at + 110 + name + 3) & ~3) + ((size + 3) & ~3);
        }
        assert.equal(at, archive.length);
      }),
    );
  });
});
