import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from '#agent/exec/run.ts';
import { saysOf } from '#agent/illumos/links.ts';
import { type UndoStack, undoable, undoStack } from '#agent/undo-stack.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { createVolume, listVolumes } from './commands.ts';
import { emptyEntry, hasFollowed } from './entries.ts';
import { plainly } from './failures.ts';
import { type Ground, missing, readZones } from './ground.ts';
import type { ZonePlan } from './plan.ts';
import { configure } from './reconfiguring.ts';
import { removeVolume, takeAway, takeZoneAway, uninstall } from './removing.ts';
import { placeFiles } from './root-files.ts';
import { configText } from './zone-config.ts';
import { keepLinks, late, readLinks, requireFit } from './zone-links.ts';
import type { Zone } from './zone-list.ts';

/** How far the work is, for who waits. */
export interface Making {
  signal: AbortSignal;
  progress(text: string, percent?: number): void;
}

/**
 * Make a zone that is off, of all that its plan names: volumes, vnics, configuration, installation, files; in this order, each with its undo.
 *
 * Until all of it is there it is no guest, and what was cut off is taken away at the next start.
 * @param fill what gives it its files: an installation or a clone
 * @throws Failure guest-exists, guest-definition, host-command, host-timeout
 */
export function makeZone(ground: Ground, plan: ZonePlan, fill: Command, making: Making): Promise<Zone> {
  const { name } = plan;
  return ground.inTurn(name, async () => {
    await requireFree(ground, name, making.signal);
    await using undo = undoStack((what, error) =>
      ground.log.warn({ guest: name, what, problem: messageOf(error) }, 'part of a zone could not be taken back'),
    );
    await carryOut(ground, plan, fill, making, undo).catch((error: unknown) => {
      throw plainly(error);
    });
    await ground.ledger.write(entryOf(plan, 'made'));
    undo.keep();
    ground.changed();
    const made = (await readZones(ground, making.signal)).find((each) => each.name === name);
    if (!made) throw missing(ground, name);
    return made;
  });
}

const entryOf = ({ name, vnics, volumes }: ZonePlan, phase: 'making' | 'made') => ({
  ...{ ...emptyEntry(name), phase },
  links: vnics.map(({ link }) => link),
  volumes: volumes.map(({ volume }) => volume),
});

/**
 * What an earlier attempt left is taken away, and so are the vnics of a zone of that name that somebody else has deleted; what is there
 * otherwise stays.
 *
 * @throws Failure guest-exists
 */
async function requireFree(ground: Ground, name: string, signal: AbortSignal): Promise<void> {
  const entry = await ground.ledger.read(name);
  if (entry && entry.phase !== 'made') await takeAway(ground, entry, signal);
  const isThere = (await readZones(ground, signal)).some((each) => each.name === name);
  if (isThere) throw new Failure('guest-exists', { guest: name, host: ground.host });
  if (entry?.phase === 'made' && !(await hasFollowed(ground, entry, signal)))
    await takeAway(ground, { ...entry, volumes: [] }, signal);
}

async function carryOut(
  ground: Ground,
  plan: ZonePlan,
  fill: Command,
  { signal, progress }: Making,
  undo: UndoStack,
): Promise<void> {
  const { name, config, vnics, files } = plan;
  if (vnics.length > 0) requireFit(vnics, await readLinks(ground, signal), []);
  for (const { volume } of plan.volumes) await requireNoVolume(ground, volume, signal);
  undo.add('ledger', async (isClean) => {
    // Else the next start, or the next attempt, takes the rest away.
    if (isClean) await ground.ledger.drop(name);
  });
  await ground.ledger.write(entryOf(plan, 'making'));
  await makeVolumes(ground, plan, undo, signal);
  await keepLinks(ground, { wanted: vnics, known: [], isOn: false }, undo, signal);
  progress('configuring', 10);
  if (plan.brand.seesCache) await mkdir(ground.packageCache, { recursive: true });
  undo.add('configuration', () => takeZoneAway(ground, name, late()));
  await configure(ground, name, [...configText(config).trimEnd().split('\n'), 'verify', 'commit'], signal);
  progress('installing', 20);
  undo.add('installation', () => uninstall(ground, name, late()));
  await ground.run(fill, signal);
  progress('placing its files', 90);
  await placeFiles(join(config.properties.get('zonepath') ?? '', 'root'), files);
}

async function requireNoVolume({ run }: Ground, volume: string, signal: AbortSignal): Promise<void> {
  const names = await run(listVolumes(), signal);
  if (names.split('\n').includes(volume))
    throw new Failure('guest-definition', { problem: `there is a dataset ${volume} already` });
}

async function makeVolumes(ground: Ground, { volumes }: ZonePlan, undo: UndoStack, signal: AbortSignal): Promise<void> {
  for (const { volume, size } of volumes)
    await undoable(undo, {
      what: `volume ${volume}`,
      make: () => ground.run(createVolume(volume, size), signal),
      remove: () => removeVolume(ground, volume, late()),
      isTaken: (error) => saysOf(error, /already exists/i),
    });
}
