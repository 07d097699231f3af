import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import { partsOf } from '#agent/drivers/part.ts';
import type { NetworkDriver } from '#agent/networks/driver.ts';

/** Verbs that need something of the driver that it may leave out. */
const NEEDS: Readonly<Record<string, keyof HypervisorDriver>> = {
  'guest.suspend': 'suspendGuest',
  'guest.resume': 'resumeGuest',
  'guest.exec': 'runProgram',
  'guest.create': 'createGuest',
  'guest.clone': 'cloneGuest',
  'guest.offer': 'offerGuest',
  'guest.await': 'awaitGuest',
  'guest.migrate': 'migrateGuest',
  'guest.land': 'landGuest',
  'guest.recall': 'recallGuest',
  'snapshot.list': 'listSnapshots',
  'snapshot.take': 'takeSnapshot',
  'snapshot.revert': 'revertSnapshot',
  'snapshot.delete': 'deleteSnapshot',
  'console.list': 'openConsole',
  'console.read': 'openConsole',
  'console.watch': 'openConsole',
  'console.send': 'openConsole',
};

/** Whether this host can do it: what it cannot is not listed. */
export const supportedBy =
  (driver: HypervisorDriver, networks: Pick<NetworkDriver, 'kind'>, hasVolumes: boolean) =>
  (verb: string): boolean => {
    if (networks.kind === 'none' && /^(network|router)\./.test(verb)) return false;
    if (!hasVolumes && verb.startsWith('volume.')) return false;
    const need = Object.hasOwn(NEEDS, verb) ? NEEDS[verb] : undefined;
    return need === undefined || driver[need] !== undefined;
  };

/** Verbs that a driver cannot do of its guests, for each of those that this one is made of. Central lists none of them for a guest. */
export const lacksOf = (driver: HypervisorDriver): Record<string, string[]> =>
  Object.fromEntries(
    partsOf(driver).map((part) => [
      part.kind,
      Object.entries(NEEDS).flatMap(([verb, need]) => (part[need] === undefined ? [verb] : [])),
    ]),
  );
