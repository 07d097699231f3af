import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, it } from 'mocha';
import { ROOT } from '#cli/rig-options.ts';

describe('help of ./skerry for what is no verb', function () {
  this.timeout(60_000);
  const skerry = (...words: string[]) => execa(join(ROOT, 'skerry'), words, { reject: false });

  for (const own of ['up', 'down', 'status', 'test', 'install', 'doctor', 'agent-join', 'restore'])
    it(`says how ${own} is called, in both ways of asking, and does nothing`, async () => {
      const [helped, asked] = await Promise.all([skerry('help', own), skerry(own, '--help')]);
      assert.match(helped.stdout, new RegExp(`\\./skerry ${own}\\b`));
      assert.deepEqual([helped.exitCode, asked.exitCode, asked.stdout], [0, 0, helped.stdout]);
    });

  it('knows the terminal on a console', async () => {
    const { exitCode, stdout } = await skerry('help', 'console');
    assert.equal(exitCode, 0);
    assert.match(stdout, /\.\/skerry console GUEST/);
    assert.match(stdout, /console read/);
  });

  it('ends with 2 where there is none', async () => {
    const { exitCode, stdout, stderr } = await skerry('help', 'instal');
    assert.deepEqual([exitCode, stdout], [2, '']);
    assert.equal(stderr, 'There is no help for instal. Did you mean install?');
  });

  it('says which version it is', async () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const { exitCode, stdout } = await skerry('--version');
    assert.deepEqual([exitCode, stdout], [0, `skerry ${version}, Node.js ${process.versions.node}`]);
  });
});
