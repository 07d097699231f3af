import type { ConsoleKeeper } from '#agent/consoles/keeper.ts';
import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import type { Inventory } from '#agent/inventory/inventory.ts';
import { Failure } from '#shared/errors.ts';
import type { Guest, GuestState } from '#shared/model/guest.ts';
import type { May } from '#shared/verb/policy.ts';
import type { Call } from '#shared/verb/request.ts';

/** What verbs of guests stand on. */
export interface GuestDeps {
  driver: HypervisorDriver;
  inventory: Inventory;
  may: May;
  host: string;
  consoles: Pick<ConsoleKeeper, 'mark'>;
  log: Record<'warn', (fields: object, message: string) => void>;
}

/** A method that a driver may leave out. The verb is then not offered: see supported.ts. */
export function able<T>(method: T | undefined, deps: GuestDeps, verb: string): T {
  if (method === undefined) throw new Failure('verb-unsupported', { driver: deps.driver.kind, host: deps.host, verb });
  return method;
}

export const OFF: readonly GuestState[] = ['shutoff', 'crashed'];
/** A guest that has crashed may still have its process, where it is told to keep it. */
export const ON: readonly GuestState[] = ['running', 'blocked', 'paused', 'shutdown', 'pmsuspended', 'crashed'];

/** A guest as the inventory has it, where it is fit for what is asked; that it is not may be old news, so the hypervisor is asked. */
export async function asSeen(
  { inventory }: Pick<GuestDeps, 'inventory'>,
  name: string,
  isFit: (state: GuestState) => boolean,
  signal: AbortSignal,
): Promise<Guest> {
  const known = inventory.guest(name);
  return isFit(known.state) ? known : ((await inventory.refresh(known.uuid, signal)) ?? inventory.guest(name));
}

/** A guest in one of these states. Where the inventory says that it is not, the hypervisor is asked before refusing. */
export async function fresh(
  deps: Pick<GuestDeps, 'inventory'>,
  name: string,
  needed: readonly GuestState[],
  call: Pick<Call, 'verb' | 'signal'>,
): Promise<Guest> {
  const guest = await asSeen(deps, name, (state) => needed.includes(state), call.signal);
  if (needed.includes(guest.state)) return guest;
  throw new Failure('guest-wrong-state', {
    guest: name,
    state: guest.state,
    needed: needed === ON ? 'on' : needed.join(' or '),
    verb: call.verb,
  });
}
