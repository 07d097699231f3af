import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { SITE_PACKAGES } from '#provisioning/roles/packages.ts';

export type Suite = 'bookworm' | 'trixie';

const SOURCES = '/etc/apt/sources.list.d/debian.sources';
const BUILD_MS = 15 * 60_000;
/** What every machine has, and what roles would fetch: a machine of a test reaches no archive. */
const PACKAGES = [...['systemd', 'systemd-sysv', 'dbus', 'polkitd', 'ca-certificates', 'faketime'], ...SITE_PACKAGES];
const recipe = (more: readonly string[]): string[] => [
  '--variant=minbase',
  `--include=${[...PACKAGES, ...more].join(',')}`,
  '--aptopt=APT::Install-Recommends "false"',
];

/**
 * The folder of a clean Debian system, from the archive that this machine's apt is set to. It is made once for each recipe, in the
 * user's cache, and nobody writes to it: machines lay a layer of their own over it.
 * @param more packages, where all machines need not have them
 */
export async function debianRoot(suite: Suite, more: readonly string[] = []): Promise<string> {
  const words = recipe(more);
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'skerry/roots');
  const sources = (await readFile(SOURCES, 'utf8')).replaceAll('bookworm', suite);
  const key = createHash('sha256')
    .update(JSON.stringify([suite, words, sources]))
    .digest('hex')
    .slice(0, 12);
  const root = join(cache, `${suite}-${key}`);
  if (existsSync(root)) return root;
  // Others may make the same one at the same time: whoever is ready first has made it.
  const own = join(cache, `${process.pid}.new`);
  await mkdir(own, { recursive: true });
  const list = join(own, `${suite}.sources`);
  await writeFile(list, sources);
  // Mounts of its own go with it when it is killed: whoever takes the folder away then finds no /proc of this machine in it. Its umask
  // would be this process's, and folders that others cannot enter would keep users of the system out.
  const argv = [...words, suite, join(own, 'root'), list];
  const apart = ['--pdeathsig', 'KILL', 'unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const script = 'umask 022; exec mmdebstrap "$@"';
  await execa('setpriv', [...apart, 'sh', '-c', script, 'sh', ...argv], { timeout: BUILD_MS });
  await rename(join(own, 'root'), root).catch((error) => {
    if (!existsSync(root)) throw error;
  });
  await rm(own, { recursive: true, force: true });
  return root;
}
