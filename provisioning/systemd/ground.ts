import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { run } from '../rig/run.ts';

/** The machine that is installed on: this one, or a tree in a folder that shall become one. */
export interface Ground {
  /** `/` for this machine. */
  readonly root: string;
  readonly isThisMachine: boolean;
  /** Whether systemd runs here, so that services can be started. */
  readonly isLive: boolean;
  at(path: string): string;
  /** Numbers of a user and a group, as this ground knows them; undefined while there is no such. */
  ownerOf(name: string): Promise<{ uid: number; gid: number } | undefined>;
  isMember(user: string, group: string): Promise<boolean>;
  run(argv: readonly [string, ...string[]], timeoutMs?: number): Promise<string>;
}

export function groundAt(folder: string): Ground {
  const root = resolve(folder);
  const isThisMachine = root === '/';
  const at = (path: string): string => join(root, path);
  const rowOf = async (file: string, name: string): Promise<string[] | undefined> =>
    (await readFile(at(file), 'utf8').catch(() => ''))
      .split('\n')
      .map((line) => line.split(':'))
      .find((row) => row[0] === name);
  return {
    root,
    isThisMachine,
    isLive: isThisMachine && existsSync('/run/systemd/system'),
    at,
    async ownerOf(name) {
      if (name === 'root') return { uid: 0, gid: 0 };
      const [user, group] = [await rowOf('/etc/passwd', name), await rowOf('/etc/group', name)];
      return user && group ? { uid: Number(user[2]), gid: Number(group[2]) } : undefined;
    },
    async isMember(user, group) {
      const row = await rowOf('/etc/group', group);
      return row?.[3]?.split(',').includes(user) ?? false;
    },
    run: (argv, timeoutMs = 120_000) => run(argv, { timeoutMs }),
  };
}
