import { hash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { unpackPackages } from '../guest/packages.ts';
import { run } from '../rig/run.ts';

/** What a zone prints on its console when it is up. */
export const ZONE_MARKER = 'skerry-zone: up';

/**
 * A root file system for zones, with nothing but busybox: a console with a shell, and a web server.
 *
 * What a zone is told in the environment of its init it does: `address` (with its prefix) and `gateway` for its first interface,
 * `serve`, the port of its web server, and `late`, the seconds that it takes to come up. Without `address` that interface asks the network for one.
 * Of its boot parameters it heeds those of the tiny guest: skerry.serve, skerry.page, skerry.dial.
 */
const FILES: Readonly<Record<string, { text: string; mode: number }>> = {
  'etc/passwd': { text: 'root:x:0:0:root:/root:/bin/sh\n', mode: 0o644 },
  'etc/group': { text: 'root:x:0:\n', mode: 0o644 },
  'etc/inittab': {
    text: ['::sysinit:/etc/up', 'console::respawn:-/bin/sh', '::shutdown:/bin/true', '::restart:/sbin/init', ''].join(
      '\n',
    ),
    mode: 0o644,
  },
  'etc/up': {
    text: `#!/bin/sh
# What happens at the start of a zone: its address, its service, and a line on the console.
ip link set lo up
if [ -n "$address" ]; then
  ip address add "$address" dev eth0
  ip link set eth0 up
elif [ -e /sys/class/net/eth0 ]; then
  udhcpc -f -i eth0 -s /etc/udhcpc -t 0 -T 1 -A 1 -x "hostname:$(hostname)" >/dev/null 2>&1 &
fi
[ -z "$gateway" ] || ip route add default via "$gateway"
[ -z "$serve" ] || httpd -p "$serve" -h /srv
[ -z "$late" ] || sleep "$late"
echo "${ZONE_MARKER}" >/dev/console
name=$(hostname) serve= page= dial=
say() { echo "skerry-zone: $*" >/dev/console; }
# A shell does not know variables of such names.
for word in $(tr '\\0' '\\n' </proc/1/environ | grep '^skerry[.]'); do
  case $word in
    skerry.serve=*) serve=\${word#*=} ;;
    skerry.page=*) page=\${word#*=} ;;
    skerry.dial=*) dial=\${word#*=} ;;
  esac
done
. /etc/serve
`,
    mode: 0o755,
  },
  'srv/index.html': { text: 'a zone of Skerry\n', mode: 0o644 },
};
/** Of the tiny guest: what its DHCP client runs, and its service. */
const SHARED = ['udhcpc', 'serve'].map((name) => ({ name, url: new URL(`../guest/root/${name}`, import.meta.url) }));
const FOLDERS = ['bin', 'sbin', 'dev', 'proc', 'sys', 'tmp', 'run', 'root', 'var', 'etc', 'srv', 'usr/bin', 'usr/sbin'];

/** Make it in a folder of that cache, or find it there. @throws Failure setup-needed when Debian's package cannot be had */
export async function buildZoneRoot(cache: string): Promise<string> {
  const sources = [new URL(import.meta.url), ...SHARED.map(({ url }) => url)].map(({ pathname }) => pathname);
  const digest = hash('sha256', (await Promise.all(sources.map((each) => readFile(each, 'utf8')))).join()).slice(0, 16);
  const folder = join(cache, `zone-${digest}`);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'making-'));
  try {
    await unpackPackages(['busybox-static'], work);
    const root = join(work, 'root');
    await fill(root, await readFile(join(work, 'unpacked/bin/busybox')));
    // Whoever was faster made the same.
    await rename(root, folder).catch((error) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return folder;
}

async function fill(root: string, busybox: Buffer): Promise<void> {
  for (const each of FOLDERS) await mkdir(join(root, each), { recursive: true });
  await chmod(join(root, 'tmp'), 0o1777);
  await writeFile(join(root, 'bin/busybox'), busybox, { mode: 0o755 });
  const applets = (await run([join(root, 'bin/busybox'), '--list-full'])).split('\n');
  for (const path of applets.filter((each) => basename(each) !== 'busybox' && each.includes('bin/'))) {
    await mkdir(join(root, dirname(path)), { recursive: true });
    await symlink('/bin/busybox', join(root, path));
  }
  for (const [path, { text, mode }] of Object.entries(FILES)) {
    await writeFile(join(root, path), text, { mode });
    await chmod(join(root, path), mode);
  }
  for (const { name, url } of SHARED) {
    await copyFile(url, join(root, 'etc', name));
    await chmod(join(root, 'etc', name), 0o755);
  }
}
