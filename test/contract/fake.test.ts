import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fakeDriver } from '#agent/drivers/fake/driver.ts';
import { fakeWorld } from '#agent/drivers/fake/world.ts';
import { driverContract } from './driver-contract.ts';
import type { DriverHarness } from './driver-harness.ts';

driverContract('fake', async (): Promise<DriverHarness> => {
  const world = fakeWorld({ bootMs: 20, shutdownMs: 10 });
  const images = await mkdtemp(join(tmpdir(), 'skerry-images-'));
  await writeFile(join(images, 'small.raw'), 'a disk');
  const driver = fakeDriver({ world, host: 'here', images });
  const guest = (id: string) => world.find(id)!;
  return {
    driver,
    definition: (wanted) => JSON.stringify(wanted),
    behind: {
      start: async (id) => guest(id).start(false),
      poweroff: async (id) => guest(id).poweroff(),
      delete: async (id) => world.remove(guest(id)),
    },
    bootMsMax: 30,
    console: { type: 'uname\r', shows: 'Fake', up: ':~# ' },
    hasGuestAgent: true,
    bridges: ['sk-a', 'sk-b'],
    takesParameters: true,
    runsPrograms: true,
    clones: 'linked',
    snapshots: 'running',
    images: [{ name: 'small.raw' }],
    leftovers: async () => Array.from({ length: world.watchers }, (_, index) => `watch ${index}`),
    restart: async () => {
      world.goAway();
      world.comeBack();
    },
    close: async () => {
      world.close();
      await rm(images, { recursive: true });
    },
  };
});
