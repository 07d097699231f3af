import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { keepFile, namesIn } from '#agent/files/folder.ts';
import { NetworkName } from '#shared/model/network.ts';

/** Names of what was made here, each from before it is made until after it is gone. */
export interface Marks {
  all(): Promise<string[]>;
  has(name: string): Promise<boolean>;
  add(name: string): Promise<void>;
  drop(name: string): Promise<void>;
}

/** A file for each. */
export function marksIn(folder: string): Marks {
  // It becomes a path.
  const fileOf = (name: string): string => join(folder, NetworkName.parse(name));
  const all = async (): Promise<string[]> =>
    (await namesIn(folder)).filter((name) => NetworkName.safeParse(name).success);
  return {
    all,
    has: async (name) => (await all()).includes(name),
    add: async (name) => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await keepFile(fileOf(name), '', 0o600);
    },
    drop: (name) => rm(fileOf(name), { force: true }),
  };
}
