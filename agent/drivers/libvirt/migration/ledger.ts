import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { GuestId } from '#agent/drivers/driver.ts';
import { keepFile, readIfThere } from '#agent/files/folder.ts';
import { Failure } from '#shared/errors.ts';
import { checkedId, type Ground } from '../ground.ts';

/** What was made for a guest that is awaited: written before it is made, so that it is found again after any crash. */
const Awaited = z.strictObject({
  name: z.string(),
  /** Which move it is awaited by. */
  move: z.string(),
  runs: z.boolean(),
  autostart: z.boolean(),
  /** Disks that are made for it. */
  files: z.array(z.string()),
});
export type Awaited = z.infer<typeof Awaited>;

const fileOf = (ground: Ground, id: GuestId): string =>
  join(ground.stateFolder, `awaited-${checkedId(ground, id)}.json`);

export const writeAwaited = async (ground: Ground, id: GuestId, awaited: Awaited): Promise<void> =>
  void (await keepFile(fileOf(ground, id), JSON.stringify(awaited), 0o600));

export async function readAwaited(ground: Ground, id: GuestId): Promise<Awaited | undefined> {
  const text = await readIfThere(fileOf(ground, id));
  return text === undefined ? undefined : Awaited.parse(JSON.parse(text));
}

export const forgetAwaited = (ground: Ground, id: GuestId): Promise<void> => rm(fileOf(ground, id), { force: true });

/** Nobody has a guest run here that may still run where it comes from. @throws Failure guest-wrong-state */
export async function requireLanded(ground: Ground, id: GuestId, verb: string): Promise<void> {
  const awaited = await readAwaited(ground, id);
  if (awaited)
    throw new Failure('guest-wrong-state', {
      guest: awaited.name,
      state: 'on its way from another host',
      needed: 'to have come',
      verb,
    });
}
