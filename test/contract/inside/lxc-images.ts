import assert from 'node:assert/strict';
import { cp, lstat, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { pino } from 'pino';
import type { HypervisorDriver, ProgramEnd } from '#agent/drivers/driver.ts';
import { LXC_FOLDER, lxcDriver } from '#agent/drivers/lxc/driver.ts';
import { run } from '#agent/exec/run.ts';
import { buildZoneRoot } from '#provisioning/zones/root.ts';
import { GuestRecipe } from '#shared/model/guest.ts';

const IMAGES = '/run/images';
/** Leads to what /dev/null leads to, where device files lead anywhere. */
const DEVICE = 'srv/device';
const MS_MAX = 30_000;

const signal = (): AbortSignal => AbortSignal.timeout(MS_MAX);
const call = (file: string, ...args: string[]): Promise<string> => run({ file, args, timeoutMs: MS_MAX }, signal());

describe('an image of zones with device files in it', () => {
  let driver: HypervisorDriver;

  before(async () => {
    const tree = join(IMAGES, 'tree');
    await mkdir(IMAGES);
    await cp(await buildZoneRoot(join(tmpdir(), 'skerry-guest-cache')), tree, {
      ...{ recursive: true, verbatimSymlinks: true },
    });
    await makeDevices(tree);
    await call('tar', '-c', '-f', join(IMAGES, 'tree.tar'), '-C', tree, '.');
    await call('mksquashfs', tree, join(IMAGES, 'tree.squashfs'), '-quiet', '-no-progress');
    const log = pino({ level: process.env.SKERRY_TEST_LOG ?? 'silent' });
    driver = await lxcDriver({ run, images: IMAGES, log, host: 'here', idmap: { first: 100_000, count: 65_536 } });
  });
  after(() => driver?.close());

  const make = async (name: string, image: string): Promise<{ id: string; root: string }> => {
    const recipe = GuestRecipe.parse({ name, image, nics: [], memoryMiB: 64 });
    const { id } = await driver.createGuest!(recipe, { signal: signal(), progress: () => {} });
    return { id, root: join(LXC_FOLDER, name, 'rootfs') };
  };
  const inside = async (id: string, script: string): Promise<ProgramEnd> =>
    driver.runProgram!(id, { command: ['sh', '-c', script], limitMs: MS_MAX, bytesMax: 1_000 }, signal());

  for (const image of ['tree', 'tree.tar', 'tree.squashfs'])
    it(`leaves them out of a zone: ${image}`, async () => {
      const { root } = await make(`of-${image}`, image);
      assert.ok((await lstat(join(root, 'srv/index.html'))).isFile());
      for (const each of [DEVICE, `${DEVICE}-block`]) await assert.rejects(lstat(join(root, each)), /ENOENT/, each);
    });

  it('makes a zone for which a device file in its root leads nowhere, whoever put it there', async () => {
    const { id, root } = await make('later', 'tree');
    await makeDevices(root);
    await driver.startGuest(id, { paused: false }, signal());
    assert.equal((await inside(id, 'echo x >/dev/null')).exitCode, 0, 'it has devices of its own');
    const opened = await inside(id, `echo x >/${DEVICE}`);
    assert.notEqual(opened.exitCode, 0);
    assert.match(Buffer.from(opened.stderr).toString(), /Permission denied/);
    await driver.poweroffGuest(id, signal());
  });
});

async function makeDevices(root: string): Promise<void> {
  await call('mknod', '-m', '0666', join(root, DEVICE), 'c', '1', '3');
  await call('mknod', '-m', '0666', join(root, `${DEVICE}-block`), 'b', '7', '0');
}
