import type { DriverGuest, HypervisorDriver } from '#agent/drivers/driver.ts';
import type { Landing } from '#agent/drivers/migration.ts';
import { Failure } from '#shared/errors.ts';
import type { Guest } from '#shared/model/guest.ts';
import type { ModelHypervisor } from './hypervisor.ts';

export const NAME = 'venti';
export const UUID = 'uuid-venti';

/** The guest as its host reports it. */
export const recordOf = (host: string, { guest }: ModelHypervisor): Guest | undefined =>
  guest && {
    ...{ name: NAME, uuid: UUID, host, vcpus: 1, memoryMiB: 64, addresses: [], autostart: false, persistent: true },
    state: guest.state,
    ...(guest.reason === undefined ? {} : { reason: guest.reason }),
  };

/** What a driver of such a hypervisor does of a move; as that of libvirt, with what that keeps on the disk. */
export function modelDriver(host: string, hypervisor: ModelHypervisor): HypervisorDriver {
  const absent = (): Failure => new Failure('guest-not-found', { guest: UUID, host });
  const quiet = async (): Promise<void> => {
    if (!hypervisor.outgoing) return;
    hypervisor.outgoing.isCalledOff = true;
    await hypervisor.outgoing.ended;
  };
  const isHere = async (): Promise<boolean> => {
    await quiet();
    if (hypervisor.guest?.state === 'paused') hypervisor.guest = { state: 'running' };
    return hypervisor.guest !== undefined;
  };
  const cleared = (): void => {
    if (hypervisor.awaited === undefined) return;
    if (hypervisor.guest?.state === 'running')
      throw new Failure('guest-wrong-state', { guest: NAME, state: 'running', needed: 'paused', verb: 'guest.land' });
    hypervisor.guest = undefined;
    hypervisor.awaited = undefined;
  };
  const driver: Partial<HypervisorDriver> = {
    kind: 'model',
    readGuest: async () => {
      const { host: _, uuid: id, ...guest } = recordOf(host, hypervisor) ?? {};
      if (id === undefined) throw absent();
      return { ...guest, id } as DriverGuest;
    },
    offerGuest: async () => '{}',
    awaitGuest: async ({ move }): Promise<Landing> => {
      cleared();
      if (hypervisor.guest) throw new Failure('guest-exists', { guest: NAME, host });
      hypervisor.awaited = move;
      return { told: '{}', accept: () => {} };
    },
    migrateGuest: async (_, { open }, { signal }) => {
      await quiet();
      if (!hypervisor.guest) throw absent();
      const way = await open('libvirt');
      const sent = hypervisor.send(way);
      const callOff = (): void => {
        if (hypervisor.outgoing) hypervisor.outgoing.isCalledOff = true;
      };
      signal.addEventListener('abort', callOff, { once: true });
      if (signal.aborted) callOff();
      const hasLeft = await sent;
      if (!hasLeft && (await isHere()))
        throw new Failure('migration-failed', { guest: NAME, problem: 'the way is broken' });
      return { remove: async () => {} };
    },
    recallGuest: isHere,
    landGuest: async (_, { move, outcome }) => {
      const isAwaited = hypervisor.awaited === move;
      if (outcome === 'stayed') return isAwaited ? cleared() : undefined;
      if (!hypervisor.guest) throw absent();
      if (!isAwaited) return;
      hypervisor.guest = { state: 'running' };
      hypervisor.awaited = undefined;
    },
  };
  return driver as HypervisorDriver;
}
