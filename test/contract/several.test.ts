import { fakeDriver } from '#agent/drivers/fake/driver.ts';
import { fakeWorld } from '#agent/drivers/fake/world.ts';
import { severalDrivers } from '#agent/drivers/several.ts';
import { driverContract } from './driver-contract.ts';
import type { DriverHarness } from './driver-harness.ts';

driverContract('two fakes in one', async (): Promise<DriverHarness> => {
  const worlds = [fakeWorld({ bootMs: 20, shutdownMs: 10 }), fakeWorld({ guests: [{ name: 'of the other' }] })];
  const [world, other] = worlds as [(typeof worlds)[0], (typeof worlds)[0]];
  const driver = severalDrivers(
    new Map([
      ['one', fakeDriver({ world, host: 'here' })],
      ['other', fakeDriver({ world: other, host: 'here' })],
    ]),
    'here',
  );
  const guest = (id: string) => world.find(id)!;
  return {
    driver,
    kind: 'one',
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
    leftovers: async () => Array.from({ length: world.watchers + other.watchers }, (_, index) => `watch ${index}`),
    restart: async () => {
      world.goAway();
      world.comeBack();
    },
    close: async () => {
      for (const each of worlds) each.close();
    },
  };
});
