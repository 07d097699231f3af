import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { namesIn, readIfThere } from '#agent/files/folder.ts';
import { Failure, messageOf } from '#shared/errors.ts';

/**
 * What the driver has made for a zone, on the disk before it is made: by it, what was cut off is taken away, and a zone is deleted with all that
 * belongs to it.
 */
export const Entry = z.strictObject({
  zone: z.string(),
  /** `making`: not all of it is there, and it is none yet. `removing`: not all of it is gone. */
  phase: z.enum(['making', 'made', 'removing']),
  /** Vnics, and those that a running zone still has although it shall not. */
  links: z.array(z.string()).default([]),
  leaving: z.array(z.string()).default([]),
  /** ZFS volumes. */
  volumes: z.array(z.string()).default([]),
  /** What a zone was booted with, where that is not what its configuration says. */
  booted: z.strictObject({ vcpus: z.int(), memoryMiB: z.int() }).optional(),
});
export type Entry = z.infer<typeof Entry>;

export interface Ledger {
  all(): Promise<Entry[]>;
  read(zone: string): Promise<Entry | undefined>;
  /** It is on the disk when this resolves. */
  write(entry: Entry): Promise<void>;
  drop(zone: string): Promise<void>;
}

const ENDING = '.json';

/** A file for each zone. */
export function ledgerIn(folder: string): Ledger {
  const fileOf = (zone: string): string => join(folder, `${zone}${ENDING}`);
  const read = async (zone: string): Promise<Entry | undefined> => {
    const text = await readIfThere(fileOf(zone));
    return text === undefined ? undefined : parseEntry(zone, text);
  };
  return {
    read,
    all: async () => {
      const names = (await namesIn(folder)).filter((name) => name.endsWith(ENDING));
      const entries = await Promise.all(names.map((name) => read(name.slice(0, -ENDING.length))));
      return entries.filter((entry) => entry !== undefined);
    },
    write: async (entry) => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await store(fileOf(entry.zone), `${JSON.stringify(entry)}\n`);
    },
    drop: (zone) => rm(fileOf(zone), { force: true }),
  };
}

function parseEntry(zone: string, text: string): Entry {
  try {
    return Entry.parse(JSON.parse(text));
  } catch (error) {
    throw new Failure('host-output', {
      problem: `what is kept of the zone ${zone} cannot be read: ${messageOf(error)}`,
    });
  }
}

/** Whole or not at all, also where the power goes. */
async function store(file: string, text: string): Promise<void> {
  const beside = `${file}.new`;
  const handle = await open(beside, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(beside, file);
}
