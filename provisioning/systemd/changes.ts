import type { Stats } from 'node:fs';
import { chmod, chown, lchown, lstat, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure } from '#shared/errors.ts';
import type { Ground } from './ground.ts';

/** One thing that an installation makes so, and that it leaves alone where it is so already. */
export interface Change {
  /**
   * What is not so yet, in words; undefined where nothing is to be done.
   * @param before what has been changed in this run, or would be
   */
  missing(before: readonly string[]): Promise<string | undefined>;
  apply(): Promise<void>;
}

export interface Owned {
  mode: number;
  /** A user, with the group of the same name unless another is named. */
  owner?: string;
  group?: string;
}

/** Bring changes about, one after the other. @returns what was said: nothing, where all was so already */
export async function bringAbout(
  changes: readonly Change[],
  isCheck: boolean,
  say: (line: string) => void,
): Promise<string[]> {
  const made: string[] = [];
  for (const change of changes) {
    const what = await change.missing(made);
    // Roles share some changes; where nothing is made so, the second one would be due too.
    if (what === undefined || (isCheck && made.includes(what))) continue;
    say(isCheck ? `would ${what}` : what);
    made.push(what);
    if (!isCheck) await change.apply();
  }
  return made;
}

export const folder = (ground: Ground, path: string, owned: Owned): Change => ({
  async missing() {
    const found = await stat(ground.at(path)).catch(() => undefined);
    if (!found?.isDirectory() || (await isForeignLink(ground, path))) return `make the folder ${path}`;
    return await differs(ground, path, owned, found);
  },
  async apply() {
    if (await isForeignLink(ground, path))
      throw new Failure('setup-needed', {
        problem: `${path} is a link that is not root's: see where it leads, and take it away`,
      });
    await mkdir(ground.at(path), { recursive: true });
    await own(ground, path, owned);
  },
});

/** Root may lead a folder to where there is more room; a service that did would be given what is there. */
const isForeignLink = async (ground: Ground, path: string): Promise<boolean> => {
  const found = await lstat(ground.at(path)).catch(() => undefined);
  return found?.isSymbolicLink() === true && found.uid !== 0;
};

type Text = string | (() => Promise<string | undefined>);

/**
 * A file with this text. With `keep`, one that is there keeps its own: it is the administrator's. A text may be one that a
 * change before this one makes.
 */
export const file = (ground: Ground, path: string, text: Text, owned: Owned, keep?: 'keep'): Change => {
  const wanted = async (): Promise<string | undefined> => (typeof text === 'string' ? text : await text());
  const found = (): Promise<string | undefined> => readFile(ground.at(path), 'utf8').catch(() => undefined);
  const isRight = async (): Promise<boolean> => {
    const known = await found();
    return known !== undefined && (keep !== undefined || known === (await wanted()));
  };
  return {
    async missing() {
      if (!(await isRight())) return `${(await found()) === undefined ? 'write' : 'change'} ${path}`;
      return await differs(ground, path, owned);
    },
    async apply() {
      if (await isRight()) return await own(ground, path, owned);
      await mkdir(dirname(ground.at(path)), { recursive: true });
      const text = (await wanted()) ?? '';
      const owner = await ownerOf(ground, path, owned);
      await rm(ground.at(`${path}.new`), { force: true });
      // A new one, held open: some folders are a service's, which could put a link to another's file in its place.
      await using made = await open(ground.at(`${path}.new`), 'wx', 0o600);
      await made.writeFile(text);
      await made.chown(owner.uid, owner.gid);
      await made.chmod(owned.mode);
      await rename(ground.at(`${path}.new`), ground.at(path));
    },
  };
};

const BEGIN = '# skerry: begin';
const END = '# skerry: end';

/** Lines of ours in a file of somebody else's, between two marks. An empty text takes them out. */
export const block = (ground: Ground, path: string, text: string): Change => {
  const read = (): Promise<string> => readFile(ground.at(path), 'utf8').catch(() => '');
  const wantedOf = (found: string): string => {
    const others = found.replace(new RegExp(`${BEGIN}\\n[^]*?${END}\\n`), '');
    const gap = others === '' || others.endsWith('\n') ? '' : '\n';
    return text === '' ? others : `${others}${gap}${BEGIN}\n${text}${END}\n`;
  };
  return {
    async missing() {
      const found = await read();
      return found === wantedOf(found) ? undefined : `change ${path}`;
    },
    async apply() {
      await mkdir(dirname(ground.at(path)), { recursive: true });
      await writeFile(ground.at(path), wantedOf(await read()));
    },
  };
};

/** Keep what is in a file now beside it, once. */
export const backup = (ground: Ground, path: string, to: string, mode: number): Change => ({
  async missing() {
    const [from, kept] = await Promise.all([path, to].map((each) => lstat(ground.at(each)).catch(() => undefined)));
    return from && !kept ? `keep ${path} as ${to}` : undefined;
  },
  async apply() {
    await writeFile(ground.at(to), await readFile(ground.at(path)), { mode });
  },
});

/** The mode and the owner of a file that something else brings; while it is not there, nothing is to be done. */
export const guarded = (ground: Ground, path: string, owned: Owned): Change => ({
  missing: async () =>
    (await lstat(ground.at(path)).catch(() => undefined)) ? await differs(ground, path, owned) : undefined,
  apply: () => own(ground, path, owned),
});

export const absent = (ground: Ground, path: string): Change => ({
  async missing() {
    return (await lstat(ground.at(path)).catch(() => undefined)) ? `remove ${path}` : undefined;
  },
  apply: () => rm(ground.at(path), { recursive: true }),
});

/** Put a backup back. */
export const restored = (ground: Ground, path: string, from: string): Change => ({
  async missing() {
    return (await lstat(ground.at(from)).catch(() => undefined)) ? `restore ${path} from ${from}` : undefined;
  },
  async apply() {
    const found = await lstat(ground.at(path)).catch(() => undefined);
    await rename(ground.at(from), ground.at(path));
    if (found) await lchown(ground.at(path), found.uid, found.gid);
  },
});

async function differs(
  ground: Ground,
  path: string,
  { mode, owner = 'root', group }: Owned,
  known?: Stats,
): Promise<string | undefined> {
  const found = known ?? (await lstat(ground.at(path)));
  if ((found.mode & 0o7777) !== mode) return `set the mode of ${path} to ${mode.toString(8).padStart(4, '0')}`;
  const wanted = await ground.ownerOf(owner, group);
  if (wanted && (found.uid !== wanted.uid || found.gid !== wanted.gid)) return `give ${path} to ${owner}`;
  return undefined;
}

async function own(ground: Ground, path: string, owned: Owned): Promise<void> {
  const wanted = await ownerOf(ground, path, owned);
  await chown(ground.at(path), wanted.uid, wanted.gid);
  await chmod(ground.at(path), owned.mode);
}

/** @throws Failure setup-needed */
async function ownerOf(ground: Ground, path: string, { owner = 'root', group }: Owned) {
  const wanted = await ground.ownerOf(owner, group);
  if (wanted === undefined)
    throw new Failure('setup-needed', {
      problem: `There is no user ${owner} in ${ground.root} to give ${path} to: install the package that brings it there first`,
    });
  return wanted;
}
