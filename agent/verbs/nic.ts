import type { DriverNic } from '#agent/drivers/driver.ts';
import type { NetworkDriver } from '#agent/networks/driver.ts';
import type { Nic } from '#shared/model/nic.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { nicVerbs } from '#shared/verbs/nic.ts';
import type { GuestDeps } from './ground.ts';

export interface NicDeps extends Pick<GuestDeps, 'driver' | 'inventory'> {
  networks: Pick<NetworkDriver, 'datapathOf'>;
}

export function nicHandlers({ driver, inventory, networks }: NicDeps): Handlers<typeof nicVerbs> {
  return {
    'nic.list': async ({ guest }, { signal }) =>
      (await driver.listNics(inventory.guest(guest).uuid, signal)).map(nicOf),
    'nic.attach': async ({ guest, network, ...wanted }, { signal }) => {
      const { uuid } = inventory.guest(guest);
      const datapath = await networks.datapathOf?.(wanted.bridge, signal);
      const nics = await driver.attachNic(uuid, { ...wanted, ...(datapath && { datapath }) }, signal);
      return nics.map((nic) => ({ ...nicOf(nic), network }));
    },
    'nic.detach': async ({ guest, mac }, { signal }) =>
      (await driver.detachNic(inventory.guest(guest).uuid, mac, signal)).map(nicOf),
  };
}

/** A bridge that Skerry made has the network's name in its own (`bridgeOf`). */
function nicOf(nic: DriverNic): Nic {
  const network = nic.kind === 'bridge' ? /^sk-(.+)$/.exec(nic.source ?? '')?.[1] : undefined;
  return { ...nic, ...(network === undefined ? {} : { network }) };
}
