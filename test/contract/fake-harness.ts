import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import type { FakeWorld } from '#agent/drivers/fake/world.ts';
import type { DriverHarness } from './driver-harness.ts';

/** How long the guests of the fake hypervisor take under a contract. */
export const FAKE_TIMES = { bootMs: 20, shutdownMs: 10 };

/** What any driver on a fake hypervisor is held to; `others` are hypervisors that it has besides. */
export function fakeHarness(
  driver: HypervisorDriver,
  world: FakeWorld,
  others: readonly FakeWorld[] = [],
): DriverHarness {
  const guest = (id: string) => world.find(id)!;
  const worlds = [world, ...others];
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
    leftovers: async () => worlds.flatMap(({ watchers }) => Array.from({ length: watchers }, (_, n) => `watch ${n}`)),
    restart: async () => {
      world.goAway();
      world.comeBack();
    },
    close: async () => {
      for (const each of worlds) each.close();
    },
  };
}
