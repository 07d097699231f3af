import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../rig/run.ts';
import { rootEntries } from './entries.ts';
import { newcOf } from './newc.ts';
import { kernelPackage, unpackPackages } from './packages.ts';
import { vmlinuxOf } from './vmlinux.ts';

/** A tiny Linux guest: a kernel and a first root with busybox and the guest agent, enough for a console and an address. */
export interface GuestImage {
  kernel: string;
  initrd: string;
  /** The Debian packages that it was made from. */
  packages: string[];
}

/** What the guest prints on its console when it is up; its name follows. */
export const GUEST_MARKER = 'skerry-guest: ';

/**
 * Make the tiny guest, or find the one that the same recipe made before.
 * @param cache a folder that any number of rigs may share
 * @throws Failure setup-needed when Debian's packages cannot be had
 */
export async function buildGuest(cache: string, say: (line: string) => void = () => {}): Promise<GuestImage> {
  const folder = join(cache, `guest-${await recipeDigest()}`);
  const found = await readImage(folder);
  if (found !== undefined) return found;
  say("Making the tiny guest from Debian's packages, once");
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'making-'));
  try {
    const packages = await makeImage(work, say);
    const image = { kernel: 'vmlinux', initrd: 'initrd', packages };
    await writeFile(join(work, 'image.json'), `${JSON.stringify(image, null, 2)}\n`);
    // Whoever was faster made the same.
    await rename(work, folder).catch(async (error) => {
      if ((await readImage(folder)) === undefined) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return (await readImage(folder)) as GuestImage;
}

async function makeImage(folder: string, say: (line: string) => void): Promise<string[]> {
  const packages = await unpackPackages([await kernelPackage(say), 'busybox-static', 'qemu-guest-agent'], folder);
  const unpacked = join(folder, 'unpacked');
  const release = /linux-image-(.+-cloud-amd64)_/.exec(packages.join(' '))?.[1] ?? '';
  const [kernel, entries] = await Promise.all([
    readFile(join(unpacked, 'boot', `vmlinuz-${release}`)).then(vmlinuxOf),
    run(['depmod', '-b', unpacked, release]).then(() => rootEntries(unpacked, release)),
  ]);
  await writeFile(join(folder, 'vmlinux'), kernel);
  await writeFile(join(folder, 'root.cpio'), newcOf(entries));
  await run(['lz4', '-l', '-9', '-q', '-f', 'root.cpio', 'initrd'], { cwd: folder });
  for (const part of ['debs', 'unpacked', 'root.cpio']) await rm(join(folder, part), { recursive: true });
  return packages;
}

async function readImage(folder: string): Promise<GuestImage | undefined> {
  try {
    const { packages } = JSON.parse(await readFile(join(folder, 'image.json'), 'utf8')) as GuestImage;
    return { kernel: join(folder, 'vmlinux'), initrd: join(folder, 'initrd'), packages };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** A new recipe makes a new guest; a newer package does not, so that coming up needs no network. */
async function recipeDigest(): Promise<string> {
  const files = ['build.ts', 'entries.ts', 'newc.ts', 'packages.ts', 'vmlinux.ts', 'modules.ts'];
  const own = ['init', 'poweroff', 'profile', 'reboot', 'shutdown', 'udhcpc'].map((name) => `root/${name}`);
  const hash = createHash('sha256');
  for (const file of [...files, ...own]) hash.update(await readFile(fileURLToPath(new URL(file, import.meta.url))));
  return hash.digest('hex').slice(0, 16);
}
