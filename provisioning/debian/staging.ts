import { chmod, lstat, lutimes, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from '../rig/run.ts';
import { changelog, controlText, copyright, maintainerScript, type Release } from './control.ts';
import { copyModules, type Module } from './modules.ts';
import { type DebianPackage, LIB, type Service } from './packages.ts';

/** A file of the repository, as git has it. */
export interface TreeFile {
  path: string;
  isProgram: boolean;
}

/** What git tracks, with the text that is there now. */
export async function treeFiles(root: string): Promise<TreeFile[]> {
  const listing = await run(['git', '-C', root, 'ls-files', '-s', '-z']);
  return listing
    .split('\0')
    .filter((row) => row !== '')
    .map((row) => ({ path: row.slice(row.indexOf('\t') + 1), isProgram: row.startsWith('100755') }));
}

export interface Source {
  root: string;
  files: readonly TreeFile[];
  modules: readonly Module[];
}

/** Lay one package out in a folder, as dpkg-deb(1) takes it: what it installs, and DEBIAN/. */
export async function stage(each: DebianPackage, source: Source, release: Release, folder: string): Promise<void> {
  const lib = join(folder, LIB);
  for (const { path, isProgram } of source.files)
    if (isUnder(path, each.holds) && !isUnder(path, each.without ?? []))
      await put(folder, `${LIB}/${path}`, await readFile(join(source.root, path)), isProgram ? 0o755 : 0o644);
  if (each.modules) await copyModules(source.root, lib, source.modules);
  for (const [path, target] of Object.entries(each.links)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await symlink(target.startsWith('/usr/') ? `..${target.slice('/usr'.length)}` : target, join(folder, path));
  }
  if (each.service) await stageService(each.service, source.root, folder);
  await stagePapers(each, each.modules ? source.modules : [], release, folder);
  await stageControl(each, source.root, release, folder);
  await settle(folder, release.epochS);
}

const isUnder = (path: string, folders: readonly string[]): boolean =>
  folders.some((folder) => path === folder || path.startsWith(`${folder}/`));

async function stageService(service: Service, root: string, folder: string): Promise<void> {
  const unit = await readFile(join(root, 'provisioning/systemd', service.unit), 'utf8');
  await put(folder, `/usr/lib/systemd/system/${service.unit}`, unit.replaceAll('@CLONE@', LIB));
  await put(folder, `/usr/lib/sysusers.d/${service.unit.replace('.service', '')}.conf`, service.users);
}

async function stagePapers(each: DebianPackage, modules: readonly Module[], release: Release, folder: string) {
  const docs = `/usr/share/doc/${each.name}`;
  await put(folder, `${docs}/copyright`, copyright(modules, release));
  await put(folder, `${docs}/changelog.gz`, changelog(release));
  if (each.overrides.length === 0) return;
  const lines = each.overrides.map(({ tag, why }) => `# ${why}\n${each.name}: ${tag}\n`);
  await put(folder, `/usr/share/lintian/overrides/${each.name}`, lines.join(''));
}

async function stageControl(each: DebianPackage, root: string, release: Release, folder: string): Promise<void> {
  const installed = await filesOf(folder);
  const sizes = await Promise.all(installed.map(async (path) => (await lstat(join(folder, path))).size));
  const kib = sizes.reduce((sum, size) => sum + Math.ceil(size / 1_024), 0);
  await put(folder, '/DEBIAN/control', controlText(each, release, kib));
  const sums = installed.length === 0 ? '' : await run(['md5sum', ...installed], { cwd: folder });
  await put(folder, '/DEBIAN/md5sums', `${sums}\n`);
  if (each.service === undefined) return;
  for (const name of ['postinst', 'prerm', 'postrm']) {
    const template = await readFile(join(root, 'provisioning/debian/maintainer', name), 'utf8');
    await put(folder, `/DEBIAN/${name}`, maintainerScript(template, each.service), 0o755);
  }
}

async function put(folder: string, path: string, text: string | Buffer, mode = 0o644): Promise<void> {
  const at = join(folder, path);
  await mkdir(dirname(at), { recursive: true });
  await writeFile(at, text, { mode });
}

/** Plain files, by their place in the tree, in one order. */
async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/** Modes and times of their own would be those of whoever built it, and when. */
async function settle(folder: string, epochS: number): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const at = join(entry.parentPath, entry.name);
    const isProgram = entry.isDirectory() || ((await lstat(at)).mode & 0o100) !== 0;
    if (!entry.isSymbolicLink()) await chmod(at, isProgram ? 0o755 : 0o644);
    await lutimes(at, epochS, epochS);
  }
  await chmod(folder, 0o755);
  await lutimes(folder, epochS, epochS);
}
