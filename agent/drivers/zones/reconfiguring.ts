import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type UndoStack, undoStack } from '#agent/undo-stack.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { ACTIVE } from './acting.ts';
import { configureZone, exportZone } from './commands.ts';
import { changeLines } from './config-change.ts';
import { emptyEntry, entryOf } from './entries.ts';
import { isAbsentZone, plainly } from './failures.ts';
import { type Ground, missing } from './ground.ts';
import { sweepLinks } from './leaving.ts';
import type { Entry } from './ledger.ts';
import { vnicsIn } from './vnics.ts';
import { parseZoneConfig, type ZoneConfig } from './zone-config.ts';
import { keepLinks, late, readLinks, requireFit } from './zone-links.ts';
import type { Zone } from './zone-list.ts';

/**
 * Change the configuration of a zone that is there, with the vnics that it names; all of it, or nothing.
 *
 * For a zone that runs it holds from its next start. What it then shall not have any more goes when it is off.
 * @throws Failure guest-not-found, guest-definition
 */
export function reconfigure(
  ground: Ground,
  zone: Zone,
  change: (config: ZoneConfig) => ZoneConfig,
  signal: AbortSignal,
): Promise<void> {
  return ground.inTurn(zone.name, async () => {
    const before = await readFresh(ground, zone.name, signal);
    const after = change(before);
    const lines = changeLines(before, after);
    if (lines.length === 0) return;
    await using undo = undoStack((what, error) =>
      ground.log.warn({ guest: zone.name, what, problem: messageOf(error) }, 'a change could not be taken back'),
    );
    const isOn = ACTIVE.includes(zone.state);
    await keepOwn(ground, { zone, before, after, isOn }, undo, signal);
    undo.add('configuration', () => restore(ground, zone.name, before));
    await configure(ground, zone.name, lines, signal);
    undo.keep();
    if (!isOn) await sweepLinks(ground, zone.name, signal);
    ground.changed();
  });
}

/** What zonecfg says now, whatever is known. */
async function readFresh({ run, host }: Ground, zone: string, signal: AbortSignal): Promise<ZoneConfig> {
  try {
    return parseZoneConfig(await run(exportZone(zone), signal));
  } catch (error) {
    throw isAbsentZone(error) ? missing({ host }, zone) : plainly(error);
  }
}

interface Change {
  zone: Zone;
  before: ZoneConfig;
  after: ZoneConfig;
  isOn: boolean;
}

/** The vnics of the configuration to come; those that it does not name any more are written down to go. */
async function keepOwn(
  ground: Ground,
  { zone, before, after, isOn }: Change,
  undo: UndoStack,
  signal: AbortSignal,
): Promise<void> {
  const wanted = vnicsIn(after);
  const was = vnicsIn(before).map(({ link }) => link);
  const entry: Entry = (await entryOf(ground, zone.name, before, signal)) ?? emptyEntry(zone.name);
  const known = [...new Set([...entry.links, ...entry.leaving])];
  const names = wanted.map(({ link }) => link);
  if (wanted.length === 0 && was.length === 0) return;
  if (names.length > 0) requireFit(wanted, await readLinks(ground, signal), known);
  undo.add('ledger', () => ground.ledger.write(entry));
  const leaving = known.filter((link) => !names.includes(link));
  await ground.ledger.write({
    ...entry,
    links: [...new Set([...known, ...names])].filter((link) => !leaving.includes(link)),
    leaving,
  });
  await keepLinks(ground, { wanted, known, leaving, isOn }, undo, signal);
}

async function restore(ground: Ground, zone: string, before: ZoneConfig): Promise<void> {
  const signal = late();
  const now = await readFresh(ground, zone, signal);
  const lines = changeLines(now, before);
  if (lines.length > 0) await configure(ground, zone, lines, signal);
}

/**
 * Give zonecfg these lines, by a file that only we can read: a configuration may hold keys.
 *
 * @throws Failure guest-definition with what zonecfg says of them
 */
export async function configure(
  ground: Pick<Ground, 'run' | 'stateFolder'>,
  zone: string,
  lines: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  await mkdir(ground.stateFolder, { recursive: true, mode: 0o700 });
  const file = join(ground.stateFolder, `${zone}.zonecfg`);
  try {
    await writeFile(file, lines.map((line) => `${line}\n`).join(''), { mode: 0o600 });
    await ground.run(configureZone(zone, file), signal);
  } catch (error) {
    signal.throwIfAborted();
    const refusal = plainly(error);
    // What zonecfg refuses it refuses because of what the lines say.
    throw refusal instanceof Failure && refusal.code === 'host-command'
      ? new Failure('guest-definition', { problem: String(refusal.details.problem) }, { cause: error })
      : refusal;
  } finally {
    await rm(file, { force: true });
  }
}
