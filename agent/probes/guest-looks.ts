import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import type { Inventory } from '#agent/inventory/inventory.ts';
import { Failure, failureText } from '#shared/errors.ts';
import { type Guest, isActive } from '#shared/model/guest.ts';
import { bad, GOOD, type Look, type Verdict } from './look.ts';

export interface GuestLookDeps {
  host: string;
  driver: Pick<HypervisorDriver, 'kind' | 'pingGuestAgent'>;
  inventory: Pick<Inventory, 'find' | 'state' | 'problem'>;
}

/** The guest of that name, if it runs; else why not. */
export function runningGuest(
  { host, inventory }: Pick<GuestLookDeps, 'host' | 'inventory'>,
  name: string,
): { guest: Guest; verdict?: never } | { guest?: never; verdict: Verdict } {
  const guest = inventory.find(name);
  if (inventory.state !== 'up')
    return { verdict: bad(`the hypervisor of ${host} does not answer: ${inventory.problem}`) };
  if (!guest) return { verdict: bad(`there is no guest ${name} on ${host}`) };
  return isActive(guest.state) ? { guest } : { verdict: bad(`the guest ${name} is ${guest.state}`) };
}

/** Whether a guest is up, as its hypervisor says; a host is up where this is asked. A guest that is paused is not up. */
export const stateLook =
  (deps: GuestLookDeps, name: string | undefined): Look =>
  async () => {
    if (name === undefined) return GOOD;
    const { guest, verdict } = runningGuest(deps, name);
    if (!guest) return verdict;
    return guest.state === 'running' || guest.state === 'blocked' ? GOOD : bad(`the guest ${name} is ${guest.state}`);
  };

/** Whether the guest agent inside answers. */
export const agentLook =
  (deps: GuestLookDeps, name: string): Look =>
  async (signal) => {
    const { driver, host } = deps;
    if (!driver.pingGuestAgent)
      return bad(failureText('verb-unsupported', { driver: driver.kind, host, verb: 'a ping of a guest agent' }));
    const { guest, verdict } = runningGuest(deps, name);
    if (!guest) return verdict;
    try {
      await driver.pingGuestAgent(guest.uuid, signal);
      return GOOD;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Failure) return bad(error.message);
      throw error;
    }
  };
