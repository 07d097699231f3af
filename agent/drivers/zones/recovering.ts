import { messageOf } from '#shared/errors.ts';
import { ACTIVE } from './acting.ts';
import { hasFollowed } from './entries.ts';
import { type Ground, readZones } from './ground.ts';
import type { Entry } from './ledger.ts';
import { takeAway } from './removing.ts';
import { settleLinks } from './settling.ts';

/**
 * What an earlier run of the agent began and did not end: a zone that was being made is taken away, one that was being removed is removed, and the
 * vnics of one that is off are as its configuration says.
 *
 * Other changes of such a zone wait for that. What cannot be done now is told, and is tried again at the next attempt, or the next start.
 */
export async function recover(ground: Ground, signal: AbortSignal): Promise<void> {
  for (const entry of await ground.ledger.all())
    await ground
      .inTurn(entry.zone, () => recoverZone(ground, entry.zone, signal))
      .catch((error: unknown) => {
        if (!signal.aborted)
          ground.log.warn(
            { guest: entry.zone, phase: entry.phase, problem: messageOf(error) },
            'zone was cut off, and is not mended yet',
          );
      });
}

async function recoverZone(ground: Ground, name: string, signal: AbortSignal): Promise<void> {
  const entry = await ground.ledger.read(name);
  if (!entry) return;
  if (entry.phase !== 'made') return cutOff(ground, entry, signal);
  const zone = (await readZones(ground, signal)).find((each) => each.name === name);
  if (!zone) return gone(ground, entry, signal);
  if (!ACTIVE.includes(zone.state)) await settleLinks(ground, name, signal);
}

/** Somebody else has deleted it, or given it another name: its disks may hold what is still wanted, and nothing of it is touched. */
async function gone(ground: Ground, entry: Entry, signal: AbortSignal): Promise<void> {
  if (await hasFollowed(ground, entry, signal)) return;
  const { zone, links, volumes } = entry;
  ground.log.info(
    { guest: zone, links, volumes },
    'a zone has gone past this driver, and what was made for it is still there',
  );
}

async function cutOff(ground: Ground, entry: Entry, signal: AbortSignal): Promise<void> {
  ground.log.warn({ guest: entry.zone, phase: entry.phase }, 'zone was cut off; what is left of it is taken away');
  await takeAway(ground, entry, signal);
  ground.changed();
}
