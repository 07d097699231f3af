import type { DriverNic } from '#agent/drivers/driver.ts';
import type { Nic } from '#shared/model/nic.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { nicVerbs } from '#shared/verbs/nic.ts';
import type { GuestDeps } from './ground.ts';

export function nicHandlers({ driver, inventory }: Pick<GuestDeps, 'driver' | 'inventory'>): Handlers<typeof nicVerbs> {
  return {
    'nic.list': async ({ guest }, { signal }) =>
      (await driver.listNics(inventory.guest(guest).uuid, signal)).map(nicOf),
    'nic.attach': async ({ guest, network, ...wanted }, { signal }) =>
      (await driver.attachNic(inventory.guest(guest).uuid, wanted, signal)).map((nic) => ({ ...nicOf(nic), network })),
    'nic.detach': async ({ guest, mac }, { signal }) =>
      (await driver.detachNic(inventory.guest(guest).uuid, mac, signal)).map(nicOf),
  };
}

/** A bridge that Skerry made has the network's name in its own (`bridgeOf`). */
function nicOf(nic: DriverNic): Nic {
  const network = nic.kind === 'bridge' ? /^sk-(.+)$/.exec(nic.source ?? '')?.[1] : undefined;
  return { ...nic, ...(network === undefined ? {} : { network }) };
}
