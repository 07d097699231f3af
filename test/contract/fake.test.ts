import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fakeDriver } from '#agent/drivers/fake/driver.ts';
import { fakeWorld } from '#agent/drivers/fake/world.ts';
import { driverContract } from './driver-contract.ts';
import type { DriverHarness } from './driver-harness.ts';
import { FAKE_TIMES, fakeHarness } from './fake-harness.ts';

driverContract('fake', async (): Promise<DriverHarness> => {
  const world = fakeWorld(FAKE_TIMES);
  const images = await mkdtemp(join(tmpdir(), 'skerry-images-'));
  await writeFile(join(images, 'small.raw'), 'a disk');
  const away = fakeWorld({ ...FAKE_TIMES, guests: 0 });
  const harness = fakeHarness(fakeDriver({ world, host: 'here', images }), world, [away]);
  return {
    ...harness,
    other: fakeDriver({ world: away, host: 'there' }),
    images: [{ name: 'small.raw' }],
    close: async () => {
      await harness.close();
      await rm(images, { recursive: true });
    },
  };
});
