import { fakeDriver } from '#agent/drivers/fake/driver.ts';
import { fakeWorld } from '#agent/drivers/fake/world.ts';
import { severalDrivers } from '#agent/drivers/several.ts';
import { driverContract } from './driver-contract.ts';
import type { DriverHarness } from './driver-harness.ts';
import { FAKE_TIMES, fakeHarness } from './fake-harness.ts';

driverContract('two fakes in one', async (): Promise<DriverHarness> => {
  const world = fakeWorld(FAKE_TIMES);
  const other = fakeWorld({ guests: [{ name: 'of the other' }] });
  const drivers = new Map([
    ['one', fakeDriver({ world, host: 'here' })],
    ['other', fakeDriver({ world: other, host: 'here' })],
  ]);
  return { ...fakeHarness(severalDrivers(drivers, 'here'), world, [other]), kind: 'one' };
});
