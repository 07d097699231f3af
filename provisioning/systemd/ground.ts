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
  ownerOf(user: string, group?: string): Promise<{ uid: number; gid: number } | undefined>;
  hasGroup(name: string): Promise<boolean>;
  isMember(user: string, group: string): Promise<boolean>;
  run(argv: readonly [string, ...string[]], timeoutMs?: number): Promise<string>;
}

/** Known also where a tree has no list of users yet. */
const ROOT_ROW = ['root', 'x', '0'];

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
    async ownerOf(name, groupName = name) {
      const row = name === 'root' ? ROOT_ROW : await rowOf('/etc/passwd', name);
      const groupRow = groupName === 'root' ? ROOT_ROW : await rowOf('/etc/group', groupName);
      return row && groupRow ? { uid: Number(row[2]), gid: Number(groupRow[2]) } : undefined;
    },
    hasGroup: async (name) => (await rowOf('/etc/group', name)) !== undefined,
    async isMember(user, group) {
      const row = await rowOf('/etc/group', group);
      return row?.[3]?.split(',').includes(user) ?? false;
    },
    run: (argv, timeoutMs = 120_000) => run(argv, { timeoutMs }),
  };
}
