import type { GuestId } from '#agent/drivers/driver.ts';
import { saysOf } from '#agent/illumos/links.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { ACTIVE, type Need, zoneIn } from './acting.ts';
import { ROUTER } from './brands.ts';
import { deleteZone, destroyVolume, haltZone, uninstallZone } from './commands.ts';
import { emptyEntry, entryOf } from './entries.ts';
import { isAbsentZone, plainly } from './failures.ts';
import { type Ground, missing, readZones } from './ground.ts';
import { removeVnic } from './leaving.ts';
import type { Entry } from './ledger.ts';
import { attributeOf } from './zone-config.ts';

const DELETE: Need = {
  verb: 'guest.delete',
  states: ['configured', 'incomplete', 'installed', 'mounted'],
  needed: 'off',
};

/** Delete a zone that is off, with all that was made for it. What was cut off is finished at the next start, or when it is asked again. */
export async function deleteGuest(ground: Ground, id: GuestId, signal: AbortSignal): Promise<void> {
  await finishEarlier(ground, id, signal);
  const { name } = await zoneIn(ground, id, DELETE, signal);
  const { config } = await ground.configs.read(name, signal);
  // Of a network: its driver takes it away.
  if (attributeOf(config, ROUTER) !== undefined) throw missing(ground, id);
  await ground.inTurn(name, async () => {
    const entry = (await entryOf(ground, name, config, signal)) ?? emptyEntry(name);
    await ground.ledger.write({ ...entry, phase: 'removing' });
    await takeAway(ground, entry, signal);
  });
  ground.changed();
}

/** Of a zone that has gone while a part of it could not be taken away, nobody can ask again by its name. */
async function finishEarlier(ground: Ground, id: GuestId, signal: AbortSignal): Promise<void> {
  const begun = (await ground.ledger.all()).filter(({ phase }) => phase === 'removing');
  const asked = begun.length > 0 && (await readZones(ground, signal)).find((zone) => zone.id === id)?.name;
  for (const { zone } of begun) {
    if (zone === asked) continue;
    await ground
      .inTurn(zone, async () => {
        const entry = await ground.ledger.read(zone);
        if (entry?.phase === 'removing') await takeAway(ground, entry, signal);
      })
      .catch((error: unknown) => {
        signal.throwIfAborted();
        ground.log.warn({ guest: zone, problem: messageOf(error) }, 'what is left of a zone could not be taken away');
      });
  }
}

/** The zone first, then what it was made of, at last what is known of it. */
export async function takeAway(ground: Ground, entry: Entry, signal: AbortSignal): Promise<void> {
  await takeZoneAway(ground, entry.zone, signal);
  for (const link of new Set([...entry.links, ...entry.leaving])) await removeVnic(ground, link, signal);
  for (const volume of entry.volumes) await removeVolume(ground, volume, signal);
  await ground.ledger.drop(entry.zone);
}

/** As far as it is there, whatever state it is in. */
export async function takeZoneAway(ground: Ground, name: string, signal: AbortSignal): Promise<void> {
  await uninstall(ground, name, signal);
  if (await zoneNamed(ground, name, signal)) await unlessGone(() => ground.run(deleteZone(name), signal));
}

/** It is configured afterwards, or not there. */
export async function uninstall(ground: Ground, name: string, signal: AbortSignal): Promise<void> {
  const zone = await zoneNamed(ground, name, signal);
  if (!zone || zone.state === 'configured') return;
  if (ACTIVE.includes(zone.state)) await unlessGone(() => ground.run(haltZone(name), signal));
  await unlessGone(() => ground.run(uninstallZone(name), signal));
}

const zoneNamed = async (ground: Ground, name: string, signal: AbortSignal) =>
  (await readZones(ground, signal)).find((each) => each.name === name);

export async function removeVolume({ run }: Pick<Ground, 'run'>, volume: string, signal: AbortSignal): Promise<void> {
  try {
    await run(destroyVolume(volume), signal);
  } catch (error) {
    if (!saysOf(error, /does not exist/i)) throw plainly(error);
  }
}

async function unlessGone(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Failure) || !isAbsentZone(error)) throw plainly(error);
  }
}
