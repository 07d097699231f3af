import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure } from '#shared/errors.ts';
import { cachedRoot } from '../../debian/bootstrap.ts';
import { run } from '../../rig/run.ts';
import { makeDisk } from './disk.ts';
import { BOX_FILES, BOX_ROOT, DISABLED, ENABLED, FORGOTTEN, MASKED, METADATA } from './recipe.ts';

const DISK_GIB = 8;
const USER = 'vagrant';
const HOME = join('/home', USER);
const STEP_TIMEOUT_MS = 10 * 60_000;
/** What Vagrant logs in with until it is told otherwise; Debian's package has it. */
const VAGRANT_GEMS = '/usr/share/rubygems-integration/all/gems';

/**
 * Make the box, or find the one that the same recipe made before.
 * @returns the file, for `vagrant box add` or `config.vm.box_url`
 * @throws Failure setup-needed where one is not root or a tool is missing
 */
export async function buildBox(cache: string, say: (line: string) => void): Promise<string> {
  const box = join(cache, `box-${await recipeDigest()}.box`);
  if (existsSync(box)) return box;
  if (process.getuid?.() !== 0)
    throw new Failure('setup-needed', { problem: 'only root can make the root of a machine' });
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'making-'));
  try {
    const root = join(work, 'root');
    say("Making a box from Debian's packages, once");
    // Packages are fetched once, also when what is done with them changes.
    await run(['cp', '--archive', '--reflink=auto', await cachedRoot(cache, BOX_ROOT), root], {
      timeoutMs: STEP_TIMEOUT_MS,
    });
    await makeMachine(root);
    say('Making its disk');
    await makeDisk(root, work, DISK_GIB);
    await writeFile(join(work, 'metadata.json'), METADATA(DISK_GIB));
    await run(['tar', '-C', work, '-cf', join(work, 'made.box'), 'metadata.json', 'box.img'], {
      timeoutMs: STEP_TIMEOUT_MS,
    });
    await rename(join(work, 'made.box'), box);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return box;
}

/** From a root with packages to a machine that Vagrant can log in to. */
async function makeMachine(root: string): Promise<void> {
  const within = (...argv: string[]) => run(['chroot', root, ...argv], { timeoutMs: STEP_TIMEOUT_MS });
  await within('useradd', '--create-home', '--shell', '/bin/bash', USER);
  await put(root, `${HOME}/.ssh/authorized_keys`, await insecureKey(), 0o600);
  await within('chmod', '0700', `${HOME}/.ssh`);
  await within('chown', '-R', `${USER}:${USER}`, HOME);
  for (const path of FORGOTTEN) await rm(join(root, path), { recursive: true, force: true });
  for (const name of await readdir(join(root, 'etc/ssh')))
    if (name.startsWith('ssh_host_')) await rm(join(root, 'etc/ssh', name));
  for (const [path, { text, mode }] of Object.entries(BOX_FILES)) await put(root, path, text, mode);
  // A package's own folders come back empty, as its user's.
  await within('install', '-d', '-o', 'ejabberd', '-g', 'ejabberd', '-m', '0750', '/var/lib/ejabberd');
  await within('systemctl', '--quiet', 'disable', ...DISABLED);
  await within('systemctl', '--quiet', 'enable', ...ENABLED);
  await within('systemctl', '--quiet', 'mask', ...MASKED);
  await mkdir(join(root, 'vagrant'), { recursive: true });
}

async function put(root: string, path: string, text: string, mode = 0o644): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await rm(join(root, path), { force: true });
  await writeFile(join(root, path), text, { mode });
}

async function insecureKey(): Promise<string> {
  const gems = await readdir(VAGRANT_GEMS).catch(() => []);
  const gem = gems.find((name) => /^vagrant-[\d.]+$/.test(name));
  if (gem === undefined)
    throw new Failure('setup-needed', { problem: 'Vagrant is not here: apt-get install vagrant vagrant-libvirt' });
  return await readFile(join(VAGRANT_GEMS, gem, 'keys/vagrant.pub'), 'utf8');
}

/** A new recipe makes a new box; a newer package does not. */
async function recipeDigest(): Promise<string> {
  const hash = createHash('sha256');
  for (const name of ['build.ts', 'disk.ts', 'recipe.ts', '../../debian/bootstrap.ts', '../../roles/packages.ts'])
    hash.update(await readFile(fileURLToPath(new URL(name, import.meta.url))));
  return hash.digest('hex').slice(0, 16);
}
