import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '#shared/errors.ts';
import { run } from '../rig/run.ts';
import { packageFile, type Release } from './control.ts';
import { productionModules } from './modules.ts';
import { DEBIAN_PACKAGES } from './packages.ts';
import { stage, treeFiles } from './staging.ts';

const BUILD_TIMEOUT_MS = 15 * 60_000;

export interface Build {
  /** The repository, with its node_modules. */
  root: string;
  out: string;
  version: string;
  compression: Compression;
}

/** `best` is what Debian does; `quick` takes a tenth of the time and a quarter more room; `none` is for tests. */
export type Compression = keyof typeof COMPRESSIONS;
export const COMPRESSIONS = { best: ['-Zxz', '-z6'], quick: ['-Zxz', '-z0'], none: ['-Znone'] } as const;

/**
 * Build all packages from what git tracks and from node_modules. The same sources make the same bytes, wherever and whenever.
 * @returns the files, as they are in `out`
 * @throws Failure setup-needed where libraries, git or dpkg-deb are missing
 */
export async function buildPackages({ root, out, version, compression }: Build): Promise<string[]> {
  const release: Release = { version, architecture: debianArchitecture(), epochS: await sourceDate(root) };
  const source = { root, files: await treeFiles(root), modules: await productionModules(root) };
  await mkdir(out, { recursive: true });
  const work = await mkdtemp(join(tmpdir(), 'skerry-packages-'));
  try {
    for (const each of DEBIAN_PACKAGES) {
      await stage(each, source, release, join(work, each.name));
      const how = [...COMPRESSIONS[compression], '--root-owner-group'];
      await run(['dpkg-deb', ...how, '--build', join(work, each.name), join(out, packageFile(each, release))], {
        env: { SOURCE_DATE_EPOCH: String(release.epochS) },
        timeoutMs: BUILD_TIMEOUT_MS,
      });
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return DEBIAN_PACKAGES.map((each) => packageFile(each, release));
}

/** The time that all files are given: SOURCE_DATE_EPOCH where it is set, or that of the last commit. */
export async function sourceDate(root: string): Promise<number> {
  const told = process.env.SOURCE_DATE_EPOCH ?? (await run(['git', '-C', root, 'log', '-1', '--format=%ct']));
  if (!/^\d+$/.test(told))
    throw new Failure('bad-argument', { field: 'SOURCE_DATE_EPOCH', problem: `${told} is no number of seconds` });
  return Number(told);
}

export function debianArchitecture(): string {
  const names: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
  const name = names[process.arch];
  if (name === undefined) throw new Failure('setup-needed', { problem: `there are no packages for ${process.arch}` });
  return name;
}
