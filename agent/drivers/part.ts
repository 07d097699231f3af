import { Failure } from '#shared/errors.ts';
import type { DriverName, HypervisorDriver } from './driver.ts';

/** The driver of that name, among those that this one is made of; one that is alone goes by its kind. @throws Failure bad-argument */
export function partNamed(driver: HypervisorDriver, name: DriverName | undefined): HypervisorDriver {
  if (name === undefined) return driver;
  if (driver.part) return driver.part(name);
  if (name === driver.kind) return driver;
  throw new Failure('bad-argument', {
    field: 'driver',
    problem: `there is no driver ${name} here; there is ${driver.kind}`,
  });
}
