import { Failure } from '#shared/errors.ts';
import type { DriverName, HypervisorDriver } from './driver.ts';

/** What a driver is made of: several, or itself alone. */
export const partsOf = (driver: HypervisorDriver): readonly HypervisorDriver[] =>
  driver.parts ? [...driver.parts.values()] : [driver];

/**
 * The driver of that name among those that this one is made of; one that is alone goes by its kind. Without a name, the first one, or
 * the one itself.
 *
 * @throws Failure bad-argument
 */
export function partNamed(driver: HypervisorDriver, name: DriverName | undefined): HypervisorDriver {
  const parts = partsOf(driver);
  const part = name === undefined ? parts[0] : parts.find(({ kind }) => kind === name);
  if (part) return part;
  const kinds = parts.map(({ kind }) => kind).join(', ');
  throw new Failure('bad-argument', { field: 'driver', problem: `there is no driver ${name} here; there is ${kinds}` });
}
