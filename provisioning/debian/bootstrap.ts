import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../rig/run.ts';

const BOOTSTRAP_TIMEOUT_MS = 20 * 60_000;
const SUITE = 'bookworm';
/** What nobody reads in a machine that is thrown away. */
const LEFT_OUT = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*'];

/** The root of a Debian that has no more than these packages and what they need. */
export interface RootRecipe {
  packages: readonly string[];
  /** Files that are there before packages are: their scripts read them. */
  files?: Readonly<Record<string, string>>;
}

/** Make one in a folder that is not there yet; as root. @throws Failure host-command where packages cannot be had */
export async function bootstrap({ packages, files = {} }: RootRecipe, folder: string): Promise<void> {
  const hooks = Object.entries(files).map(
    ([path, text]) => `--essential-hook=printf %s ${quoted(text)} | install -D -m 0644 /dev/stdin "$1"${path}`,
  );
  const options = ['--mode=root', '--variant=minbase', `--include=${packages.join(',')}`, ...hooks];
  const apt = ['APT::Install-Recommends "false"', 'Acquire::Languages "none"'].map((each) => `--aptopt=${each}`);
  const dpkg = [...LEFT_OUT.map((path) => `path-exclude=${path}`), 'force-unsafe-io'].map(
    (each) => `--dpkgopt=${each}`,
  );
  await run(['mmdebstrap', '--quiet', ...options, ...apt, ...dpkg, SUITE, folder], { timeoutMs: BOOTSTRAP_TIMEOUT_MS });
}

/** One that the same recipe made before, or a new one. A newer package makes no new one, so that a test needs no network. */
export async function cachedRoot(cache: string, recipe: RootRecipe): Promise<string> {
  const digest = createHash('sha256')
    .update(JSON.stringify([SUITE, LEFT_OUT, recipe]))
    .digest('hex')
    .slice(0, 16);
  const folder = join(cache, `root-${digest}`);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'making-'));
  try {
    await bootstrap(recipe, join(work, 'root'));
    // Whoever was faster made the same.
    await rename(join(work, 'root'), folder).catch((error) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return folder;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
