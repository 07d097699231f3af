import assert from 'node:assert/strict';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { ROOT } from '#cli/rig-options.ts';

const OTHER_UID = 65_534;

describe('./skerry', function () {
  this.timeout(60_000);
  let caches: string;
  beforeEach(() => {
    caches = mkdtempSync(join(tmpdir(), 'skerry-caches-'));
  });
  afterEach(() => rmSync(caches, { recursive: true, force: true }));
  const help = async (): Promise<void> => {
    // What these tests were told of it is not for the launcher.
    const env = { PATH: process.env.PATH ?? '', HOME: caches, XDG_CACHE_HOME: caches };
    const { stdout } = await execa(join(ROOT, 'skerry'), ['help'], { env, extendEnv: false });
    assert.match(stdout, /guest start/);
  };

  it('keeps what Node.js has compiled where nobody else writes', async () => {
    await help();
    assert.equal(statSync(join(caches, 'skerry')).mode & 0o777, 0o700);
    const [version = ''] = readdirSync(join(caches, 'skerry/compiled'));
    assert.ok(readdirSync(join(caches, 'skerry/compiled', version)).length > 20);
  });

  it('uses no folder of somebody else, and goes on without', async function () {
    if (process.getuid?.() !== 0) this.skip();
    mkdirSync(join(caches, 'skerry'));
    chownSync(join(caches, 'skerry'), OTHER_UID, OTHER_UID);
    await help();
    assert.equal(existsSync(join(caches, 'skerry/compiled')), false);
  });
});
