import { deleteVnic, isAbsentLink } from '#agent/illumos/links.ts';
import type { Ground } from './ground.ts';

/** Take away the vnics that a zone kept while it ran, and shall not have any more. It is off. */
export async function sweepLinks(ground: Ground, zone: string, signal: AbortSignal): Promise<void> {
  const entry = await ground.ledger.read(zone);
  if (!entry || (entry.leaving.length === 0 && !entry.booted)) return;
  for (const link of entry.leaving) await removeVnic(ground, link, signal);
  const { booted: _, ...rest } = entry;
  await ground.ledger.write({ ...rest, leaving: [] });
}

/** What is not there is no trouble. */
export async function removeVnic({ run }: Pick<Ground, 'run'>, link: string, signal: AbortSignal): Promise<void> {
  try {
    await run(deleteVnic(link), signal);
  } catch (error) {
    if (!isAbsentLink(error)) throw error;
  }
}
