import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

export type Suite = 'bookworm' | 'trixie';

const SOURCES = '/etc/apt/sources.list.d/debian.sources';
const BUILD_MS = 15 * 60_000;
/** What every machine has, and what roles would fetch: a machine of a test reaches no archive. */
const PACKAGES = [
  ...['systemd', 'systemd-sysv', 'dbus', 'polkitd', 'ca-certificates', 'libatomic1', 'openssl', 'ejabberd'],
  ...['libvirt-daemon-system', 'libvirt-clients', 'qemu-system-x86', 'qemu-utils', 'fonts-dejavu-core'],
  ...['iproute2', 'nftables', 'dnsmasq-base', 'haproxy', 'udhcpc', 'iputils-ping', 'procps'],
];
const RECIPE = ['--variant=minbase', `--include=${PACKAGES.join(',')}`, '--aptopt=APT::Install-Recommends "false"'];

/**
 * The folder of a clean Debian system, from the archive that this machine's apt is set to. It is made once for each recipe, in the
 * user's cache, and nobody writes to it: machines lay a layer of their own over it.
 */
export async function debianRoot(suite: Suite): Promise<string> {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'skerry/roots');
  const sources = (await readFile(SOURCES, 'utf8')).replaceAll('bookworm', suite);
  const key = createHash('sha256')
    .update(JSON.stringify([suite, RECIPE, sources]))
    .digest('hex')
    .slice(0, 12);
  const root = join(cache, `${suite}-${key}`);
  if (existsSync(root)) return root;
  await mkdir(cache, { recursive: true });
  // Of older recipes, or cut off in the middle.
  for (const old of await readdir(cache))
    if (old.startsWith(`${suite}-`)) await rm(join(cache, old), { recursive: true, force: true });
  const list = join(cache, `${suite}.sources`);
  await writeFile(list, sources);
  // Its umask is the machine's: folders that others cannot enter would keep users of the system out.
  const argv = [...RECIPE, suite, `${root}.new`, list];
  await execa('sh', ['-c', 'umask 022; exec mmdebstrap "$@"', 'sh', ...argv], { timeout: BUILD_MS });
  await rename(`${root}.new`, root);
  return root;
}
