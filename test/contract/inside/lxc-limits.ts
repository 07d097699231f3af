import assert from 'node:assert/strict';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { pino } from 'pino';
import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import { readVersions } from '#agent/drivers/lxc/cgroups.ts';
import { LXC_FOLDER, lxcDriver } from '#agent/drivers/lxc/driver.ts';
import { run } from '#agent/exec/run.ts';
import { buildZoneRoot } from '#provisioning/zones/root.ts';
import { GuestRecipe } from '#shared/model/guest.ts';

const IMAGES = '/run/images';
const MS_MAX = 30_000;
const MIB = 2 ** 20;
const NAME = 'limited';

const signal = (): AbortSignal => AbortSignal.timeout(MS_MAX);

describe('the limit of memory of a zone', () => {
  let driver: HypervisorDriver;
  before(async () => {
    await mkdir(IMAGES);
    const root = await buildZoneRoot(join(tmpdir(), 'skerry-guest-cache'));
    await cp(root, join(IMAGES, 'tree'), { recursive: true, verbatimSymlinks: true });
    const log = pino({ level: process.env.SKERRY_TEST_LOG ?? 'silent' });
    driver = await lxcDriver({ run, images: IMAGES, log, host: 'here', idmap: { first: 100_000, count: 65_536 } });
  });
  after(() => driver?.close());

  /** What the kernel holds the zone to, in bytes: of memory; and of swap, or of both in version 1. */
  const held = async (versions: Awaited<ReturnType<typeof readVersions>>): Promise<number[]> => {
    const files = { 1: ['limit_in_bytes', 'memsw.limit_in_bytes'], 2: ['max', 'swap.max'] }[versions.memory];
    const said = files.map((file) =>
      run({ file: 'lxc-cgroup', args: ['-n', NAME, `memory.${file}`], timeoutMs: MS_MAX }, signal()),
    );
    return (await Promise.all(said)).map((text) => Number(text.trim()));
  };

  it('holds with swap where the kernel counts that, from its start, and after each change while it runs', async function () {
    const versions = await readVersions();
    if (!versions.swap) return this.skip();
    const due = (memoryMiB: number): number[] => [memoryMiB * MIB, versions.memory === 1 ? memoryMiB * MIB : 0];
    const recipe = GuestRecipe.parse({ name: NAME, image: 'tree', nics: [], memoryMiB: 64 });
    const { id } = await driver.createGuest!(recipe, { signal: signal(), progress: () => {} });
    await driver.startGuest(id, { paused: false }, signal());
    assert.deepEqual(await held(versions), due(64));
    for (const memoryMiB of [160, 96]) {
      const changed = await driver.setGuest(id, { memoryMiB }, signal());
      assert.deepEqual(changed, [{ setting: 'memoryMiB', value: `${memoryMiB}`, holds: 'now' }]);
      assert.deepEqual(await held(versions), due(memoryMiB));
    }
    await driver.poweroffGuest(id, signal());
    await driver.setGuest(id, { memoryMiB: 128 }, signal());
    await driver.startGuest(id, { paused: false }, signal());
    assert.deepEqual(await held(versions), due(128), await readFile(join(LXC_FOLDER, NAME, 'config'), 'utf8'));
    await driver.poweroffGuest(id, signal());
  });
});
