import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Write a file whole or not at all; nothing happens where it holds that already. Others may read it: services are others. @returns whether it changed */
export async function keepFile(file: string, text: string, mode = 0o644): Promise<boolean> {
  if ((await readIfThere(file)) === text) return false;
  // dnsmasq, which watches some folders, does not look at names that begin with a dot.
  const beside = join(file, '..', `.${file.split('/').at(-1)}.new`);
  await writeFile(beside, text, { mode: 0o600 });
  // Whatever the umask is.
  await chmod(beside, mode);
  await rename(beside, file);
  return true;
}

export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Names in a folder; none where there is no folder. */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).toSorted();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Make a folder that others may enter: services do not run as who writes here. */
export const keepFolder = async (folder: string): Promise<void> => {
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o755);
};

/** What has to be written to, and taken from, a folder for it to hold these files. */
export async function folderChanges(
  folder: string,
  files: ReadonlyMap<string, string>,
): Promise<{ gone: string[]; changed: string[]; added: string[] }> {
  const there = (await namesIn(folder)).filter((name) => !name.startsWith('.'));
  const held = new Map(await eachOf(there, async (name) => [name, await readIfThere(join(folder, name))] as const));
  return {
    gone: there.filter((name) => !files.has(name)),
    changed: there.filter((name) => files.has(name) && held.get(name) !== files.get(name)),
    added: [...files.keys()].filter((name) => !held.has(name)),
  };
}

/** Have a folder hold these files, and no others. @param changes where they are known */
export async function keepFiles(
  folder: string,
  files: ReadonlyMap<string, string>,
  changes?: Awaited<ReturnType<typeof folderChanges>>,
): Promise<void> {
  const { gone, changed, added } = changes ?? (await folderChanges(folder, files));
  await eachOf(gone, (name) => rm(join(folder, name), { force: true }));
  await eachOf([...changed, ...added], (name) => keepFile(join(folder, name), files.get(name) ?? ''));
}

/** Files at once: each waits for the disk several times, and each is one that is open. */
const AT_ONCE = 64;

/** Do something with all, many at once; where one fails, nothing goes on when that is thrown. */
async function eachOf<T, R>(all: readonly T[], work: (each: T) => Promise<R>): Promise<R[]> {
  const done: R[] = [];
  for (let from = 0; from < all.length; from += AT_ONCE) {
    const begun = all.slice(from, from + AT_ONCE).map(work);
    await Promise.allSettled(begun);
    done.push(...(await Promise.all(begun)));
  }
  return done;
}

/** @param looked `stat` or `lstat` of a path @returns whether there is something. @throws why nobody can tell */
export const isThere = (looked: Promise<unknown>): Promise<boolean> =>
  looked.then(
    () => true,
    (error: unknown) => {
      if (isMissing(error)) return false;
      throw error;
    },
  );

export const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';
