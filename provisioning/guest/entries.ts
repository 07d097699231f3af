import { readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Failure } from '#shared/errors.ts';
import { run } from '../rig/run.ts';
import { loadOrder } from './modules.ts';
import type { Entry } from './newc.ts';

const MODULES = [
  'virtio_pci',
  'virtio_blk',
  'virtio_net',
  'virtio_console',
  'virtio_balloon',
  'virtio-rng',
  'af_packet',
  'button',
  'evdev',
  'ext4',
  'qemu_fw_cfg',
];
const EMPTY_FOLDERS = ['dev', 'mnt', 'proc', 'root', 'run', 'sys', 'tmp', 'var', 'etc/qemu'];
const OWN: Readonly<Record<string, string>> = {
  init: 'init',
  'sbin/shutdown': 'shutdown',
  'sbin/poweroff': 'poweroff',
  'sbin/reboot': 'reboot',
  'etc/profile': 'profile',
  'etc/udhcpc': 'udhcpc',
  'etc/serve': 'serve',
};

/** All that is in the guest's root, from the unpacked packages, this machine's libraries and the files in root/. */
export async function rootEntries(unpacked: string, release: string): Promise<Entry[]> {
  const files = [
    ...(await busyboxEntries(unpacked)),
    ...(await agentEntries(unpacked)),
    ...(await moduleEntries(unpacked, release)),
    ...(await Promise.all(Object.entries(OWN).map(([path, name]) => ownEntry(path, name)))),
    text('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n'),
    text('etc/group', 'root:x:0:\n'),
    { path: 'var/run', kind: 'link', target: '/run' } as const,
  ];
  // A later entry of the same path wins: our poweroff over busybox's.
  const byPath = new Map<string, Entry>(files.map((entry) => [entry.path, entry]));
  for (const path of [...EMPTY_FOLDERS, ...byPath.keys()].flatMap(foldersOf))
    byPath.set(path, { path, kind: 'folder' });
  for (const path of EMPTY_FOLDERS) byPath.set(path, { path, kind: 'folder' });
  return [...byPath.values()];
}

async function busyboxEntries(unpacked: string): Promise<Entry[]> {
  const busybox = join(unpacked, 'bin/busybox');
  const applets = (await run([busybox, '--list-full'])).split('\n').map((path) => basename(path));
  return [
    { path: 'bin/busybox', kind: 'file', bytes: await readFile(busybox), isExecutable: true },
    ...applets
      .filter((name) => name !== 'busybox')
      .map((name) => ({
        path: `${SBIN.has(name) ? 'sbin' : 'bin'}/${name}`,
        kind: 'link' as const,
        target: '/bin/busybox',
      })),
  ];
}
const SBIN = new Set(['poweroff', 'reboot']);

/** The guest agent with the libraries that it is linked to: those of this machine, whose release is the same Debian. */
async function agentEntries(unpacked: string): Promise<Entry[]> {
  const agent = join(unpacked, 'usr/sbin/qemu-ga');
  const linked = await run(['ldd', agent]);
  const missing = /^\s*(\S+) => not found/m.exec(linked)?.[1];
  if (missing !== undefined)
    throw new Failure('setup-needed', { problem: `the guest agent needs ${missing}, which is not here` });
  const libraries = [...linked.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path as string);
  return [
    { path: 'usr/sbin/qemu-ga', kind: 'file', bytes: await readFile(agent), isExecutable: true },
    ...(await Promise.all(
      libraries.map(async (path) => ({
        path: path.slice(1),
        kind: 'file' as const,
        bytes: await readFile(await realpath(path)),
        isExecutable: true,
      })),
    )),
  ];
}

async function moduleEntries(unpacked: string, release: string): Promise<Entry[]> {
  const folder = join(unpacked, 'lib/modules', release);
  const [dep, builtin] = await Promise.all(
    ['modules.dep', 'modules.builtin'].map((name) => readFile(join(folder, name), 'utf8')),
  );
  const paths = loadOrder(dep ?? '', builtin ?? '', MODULES);
  const files = paths.map(async (path) => ({
    path: `lib/modules/${basename(path)}`,
    kind: 'file' as const,
    bytes: await readFile(join(folder, path)),
  }));
  return [text('etc/modules', `${paths.map((path) => basename(path)).join('\n')}\n`), ...(await Promise.all(files))];
}

const ownEntry = async (path: string, name: string): Promise<Entry> => ({
  path,
  kind: 'file',
  bytes: await readFile(new URL(`root/${name}`, import.meta.url)),
  isExecutable: name !== 'profile',
});

const text = (path: string, content: string): Entry => ({ path, kind: 'file', bytes: Buffer.from(content) });

const foldersOf = (path: string): string[] => {
  const parent = dirname(path);
  return parent === '.' ? [] : [...foldersOf(parent), parent];
};
