import { undoStack } from '#agent/undo-stack.ts';
import { messageOf } from '#shared/errors.ts';
import { emptyEntry, entryOf } from './entries.ts';
import type { Ground } from './ground.ts';
import { sweepLinks } from './leaving.ts';
import { vnicsIn } from './vnics.ts';
import { keepLinks } from './zone-links.ts';

/**
 * Have a zone that is off have the vnics that its configuration names, and no others of those that were made for it: what was changed while it
 * ran is so from now on, and what was cut off, or was lost, is mended.
 */
export async function settleLinks(ground: Ground, zone: string, signal: AbortSignal): Promise<void> {
  const { config } = await ground.configs.read(zone, signal);
  const wanted = vnicsIn(config);
  const entry = await entryOf(ground, zone, config, signal);
  if (wanted.length === 0 && !entry) return;
  const names = wanted.map(({ link }) => link);
  const { links, leaving, ...rest } = entry ?? emptyEntry(zone);
  const known = [...new Set([...links, ...leaving])];
  const gone = known.filter((link) => !names.includes(link));
  if (gone.length > 0 || names.some((link) => !links.includes(link)))
    await ground.ledger.write({ ...rest, links: names, leaving: gone });
  await sweepLinks(ground, zone, signal);
  await using undo = undoStack((what, error) =>
    ground.log.warn({ guest: zone, what, problem: messageOf(error) }, 'a change could not be taken back'),
  );
  await keepLinks(ground, { wanted, known, isOn: false }, undo, signal);
  undo.keep();
}
