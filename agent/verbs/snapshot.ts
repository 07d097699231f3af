import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import type { Guest } from '#shared/model/guest.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { Call } from '#shared/verb/request.ts';
import type { snapshotVerbs } from '#shared/verbs/snapshot.ts';
import { able, type GuestDeps } from './ground.ts';

type Method = 'takeSnapshot' | 'revertSnapshot' | 'deleteSnapshot';
type Args = { guest: string; name: string };

export function snapshotHandlers(deps: GuestDeps): Handlers<typeof snapshotVerbs> {
  const { driver, inventory } = deps;
  const listed = (guest: Guest, call: Call) =>
    able(driver.listSnapshots, deps, call.verb).call(driver, guest.uuid, call.signal);

  /** `isDone`: whether the snapshot is there, where an earlier run has done it. */
  const change =
    (method: Method, isDone?: boolean) =>
    async ({ guest: of, name }: Args, call: Call): Promise<Guest> => {
      const guest = inventory.guest(of);
      const isThere = async (): Promise<boolean> => (await listed(guest, call)).some((each) => each.name === name);
      if (!(call.resumed && isDone !== undefined && (await isThere()) === isDone))
        await (able(driver[method], deps, call.verb) as NonNullable<HypervisorDriver[Method]>).call(
          driver,
          guest.uuid,
          name,
          call,
        );
      return (await inventory.refresh(guest.uuid, call.signal)) ?? guest;
    };

  return {
    'snapshot.list': ({ guest }, call) => listed(inventory.guest(guest), call),
    'snapshot.take': change('takeSnapshot', true),
    // To go back twice comes to the same.
    'snapshot.revert': change('revertSnapshot'),
    'snapshot.delete': change('deleteSnapshot', false),
  };
}
