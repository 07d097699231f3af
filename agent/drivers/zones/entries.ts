import type { Ground } from './ground.ts';
import { readZones } from './ground.ts';
import type { Entry } from './ledger.ts';
import { vnicsIn } from './vnics.ts';
import type { ZoneConfig } from './zone-config.ts';

export const emptyEntry = (zone: string): Entry => ({ zone, phase: 'made', links: [], leaving: [], volumes: [] });

/**
 * What was made for a zone. One that somebody has given another name keeps it: it is known by its vnics, and by its first name being gone.
 */
export async function entryOf(
  ground: Ground,
  zone: string,
  config: ZoneConfig,
  signal: AbortSignal,
): Promise<Entry | undefined> {
  const own = await ground.ledger.read(zone);
  const links = vnicsIn(config).map(({ link }) => link);
  if (own || links.length === 0) return own;
  const like = (await ground.ledger.all()).find((entry) => entry.links.some((link) => links.includes(link)));
  if (like?.phase !== 'made') return undefined;
  const isThere = (await readZones(ground, signal)).some(({ name }) => name === like.zone);
  if (isThere) return undefined;
  const renamed = { ...like, zone };
  await ground.ledger.write(renamed);
  await ground.ledger.drop(like.zone);
  return renamed;
}

/** Whether the zone of an entry goes by another name now: its entry goes with it. */
export async function hasFollowed(ground: Ground, entry: Entry, signal: AbortSignal): Promise<boolean> {
  for (const { name } of await readZones(ground, signal)) {
    const { config } = await ground.configs.read(name, signal);
    await entryOf(ground, name, config, signal);
  }
  return (await ground.ledger.read(entry.zone)) === undefined;
}
