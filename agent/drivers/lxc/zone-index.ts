import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GuestId } from '#agent/drivers/driver.ts';
import { isMissing } from '#agent/files/folder.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { missing } from './ground.ts';
import { isZoneName } from './zone-config.ts';

/**
 * Which zone has which id.
 *
 * LXC knows a zone by its name alone. An id is worked out of the zone's folder (its inode, and when it was made), so that nothing
 * has to be written into zones of others, and a zone that was deleted and made anew is another one. A folder that was there before
 * the zone, as with the root of one that was deleted, is told apart by a word in it.
 */
export interface ZoneIndex {
  list(): Promise<{ id: GuestId; name: string }[]>;
  /** @throws Failure guest-not-found */
  nameOf(id: GuestId): Promise<string>;
  /** Undefined where there is no such zone. */
  idOf(name: string): Promise<GuestId | undefined>;
  /** A zone is to be in that folder: where it is there already, whatever zone was in it is another one. */
  renew(name: string): Promise<void>;
  /** As it was when it was last looked for. */
  knownId(name: string): GuestId | undefined;
}

/** In the folder of a zone: what tells it from another one that was in that folder. */
export const AGAIN = 'skerry-again';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function zoneIndex({ folder, host }: { folder: string; host: string }): ZoneIndex {
  const ids = new Map<string, GuestId>();
  const names = new Map<GuestId, string>();

  const idOf = async (name: string): Promise<GuestId | undefined> => {
    const id = isZoneName(name) ? await idIn(folder, host, name) : undefined;
    if (id !== undefined) {
      ids.set(name, id);
      names.set(id, name);
    }
    return id;
  };
  const list = async (): Promise<{ id: GuestId; name: string }[]> => {
    const found = await Promise.all(
      (await zoneNames(folder)).map(async (name) => {
        const id = await idOf(name);
        return id === undefined ? [] : [{ id, name }];
      }),
    );
    return found.flat();
  };
  return {
    list,
    idOf,
    renew: async (name) => {
      try {
        await writeFile(join(folder, name, AGAIN), randomUUID(), { mode: 0o600 });
      } catch (error) {
        if (!isMissing(error)) throw new Failure('host-command', { problem: messageOf(error) }, { cause: error });
      }
    },
    knownId: (name) => ids.get(name),
    async nameOf(id) {
      if (!UUID.test(id)) throw missing({ host }, id);
      const known = names.get(id);
      if (known !== undefined && (await idOf(known)) === id) return known;
      const found = (await list()).find((zone) => zone.id === id);
      if (!found) throw missing({ host }, id);
      return found.name;
    },
  };
}

async function zoneNames(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
  } catch (error) {
    throw new Failure('host-unreachable', { host: folder, problem: messageOf(error) }, { cause: error });
  }
}

/** Undefined where there is no configuration: a folder that has only a root is what a zone has left behind. */
async function idIn(folder: string, host: string, name: string): Promise<GuestId | undefined> {
  const at = join(folder, name);
  try {
    const [{ ino, birthtimeNs }, files] = await Promise.all([stat(at, { bigint: true }), readdir(at)]);
    if (!files.includes('config')) return undefined;
    const again = files.includes(AGAIN) ? `\n${await readFile(join(at, AGAIN), 'utf8')}` : '';
    return uuidOf(`${host}\n${folder}\n${ino}\n${birthtimeNs}${again}`);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new Failure('host-command', { problem: messageOf(error) }, { cause: error });
  }
}

/** A UUID of version 8: made of bits of our own (RFC 9562 section 5.8). */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  const variant = ((Number.parseInt(hex[16] ?? '0', 16) & 3) | 8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ].join('-');
}
