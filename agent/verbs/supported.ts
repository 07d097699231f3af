import type { HypervisorDriver } from '#agent/drivers/driver.ts';

/** Verbs that need something of the driver that it may leave out. */
const NEEDS: Readonly<Record<string, keyof HypervisorDriver>> = {
  'guest.suspend': 'suspendGuest',
  'guest.resume': 'resumeGuest',
  'console.list': 'openConsole',
  'console.read': 'openConsole',
  'console.watch': 'openConsole',
  'console.send': 'openConsole',
};

/** Whether this driver can do it: what it cannot is not listed. */
export const supportedBy =
  (driver: HypervisorDriver) =>
  (verb: string): boolean => {
    const need = Object.hasOwn(NEEDS, verb) ? NEEDS[verb] : undefined;
    return need === undefined || driver[need] !== undefined;
  };
