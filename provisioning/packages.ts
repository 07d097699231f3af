import { existsSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { Failure } from '#shared/errors.ts';
import { run } from './rig/run.ts';

const Package = z.strictObject({
  for: z.string(),
  /** Programs in the path, or absolute file names. */
  has: z.array(z.string()).min(1),
  services: z.array(z.string()).default([]),
});
const PackageList = z.strictObject({
  rig: z.record(z.string(), Package),
  test: z.record(z.string(), Package),
});
export type PackageGroup = keyof z.infer<typeof PackageList>;
export interface NeededPackage extends z.infer<typeof Package> {
  name: string;
}

const INSTALL_TIMEOUT_MS = 20 * 60_000;
const POLICY = '/usr/sbin/policy-rc.d';
const POLICY_MARK = '# by ./skerry, for the time of one installation';

/** What of some groups is not on this machine. */
export async function missingPackages(groups: readonly PackageGroup[]): Promise<NeededPackage[]> {
  const list = PackageList.parse(parse(await readFile(new URL('debian-packages.yaml', import.meta.url), 'utf8')));
  return groups
    .flatMap((group) => Object.entries(list[group]).map(([name, row]) => ({ name, ...row })))
    .filter(({ has }) => !has.every(isHere));
}

/**
 * Install what is missing, where that can be done, and say what is installed.
 * @throws Failure setup-needed with what to install, where it cannot
 */
export async function ensurePackages(groups: readonly PackageGroup[], say: (line: string) => void): Promise<void> {
  const missing = await missingPackages(groups);
  if (missing.length === 0) return;
  const names = missing.map(({ name }) => name);
  if (process.getuid?.() !== 0 || !isHere('apt-get'))
    throw new Failure('setup-needed', { problem: whatToInstall(missing) });
  say(`Installing Debian packages: ${names.join(' ')}`);
  await installPackages(names);
  await disableServices(missing.flatMap(({ services }) => services));
  const left = await missingPackages(groups);
  if (left.length > 0) throw new Failure('setup-needed', { problem: whatToInstall(left) });
}

/** Fetch apt's lists. */
export async function refreshLists(): Promise<void> {
  await run(['apt-get', '-q', 'update'], { timeoutMs: INSTALL_TIMEOUT_MS });
}

/** Whether a program is in the path or where administrators' programs are, or a file is there. */
const isHere = (name: string): boolean =>
  [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'].some((folder) =>
    existsSync(name.startsWith('/') ? name : join(folder || '.', name)),
  );

function whatToInstall(missing: readonly NeededPackage[]): string {
  const width = Math.max(...missing.map(({ name }) => name.length));
  const why =
    process.getuid?.() !== 0
      ? 'Some packages are missing and only root can install them.'
      : 'Some packages are missing, and this is not a Debian system: install what is called so here.';
  return [
    why,
    ...missing.map(
      (each) =>
        `  ${each.name.padEnd(width)}  ${each.for}${each.has.every(isHere) ? '' : ` (no ${each.has.join(', ')})`}`,
    ),
    '',
    `On Debian 12: apt-get install --no-install-recommends ${missing.map(({ name }) => name).join(' ')}`,
    'Without them: `npx mocha test/unit test/conversation` runs, and so does an agent with the fake driver.',
  ].join('\n');
}

async function installPackages(names: readonly string[]): Promise<void> {
  const install: [string, ...string[]] = [
    ...(['apt-get', '-q', '-y', '-o', 'DPkg::Lock::Timeout=300'] as const),
    ...['install', '--no-install-recommends', ...names],
  ];
  const options = { env: { DEBIAN_FRONTEND: 'noninteractive' }, timeoutMs: INSTALL_TIMEOUT_MS };
  const hasLists = (await readdir('/var/lib/apt/lists').catch(() => [])).some((name) =>
    /_Packages(\.\w+)?$/.test(name),
  );
  if (!hasLists) await refreshLists();
  await withoutServices(async () => {
    try {
      await run(install, options);
    } catch (error) {
      // Lists that are older than the archive name packages that it no longer has.
      if (!hasLists) throw error;
      await refreshLists();
      await run(install, options);
    }
  });
}

/** Debian's maintainer scripts ask this program whether they may start a service; 101 is no. */
async function withoutServices(act: () => Promise<void>): Promise<void> {
  const own = `#!/bin/sh\n${POLICY_MARK}\nexit 101\n`;
  const theirs = await readFile(POLICY, 'utf8').catch(() => undefined);
  // One that is ours was left by a run that was killed.
  if (theirs === undefined || theirs === own) await writeFile(POLICY, own, { mode: 0o755 });
  try {
    await act();
  } finally {
    if (theirs === undefined || theirs === own) await rm(POLICY, { force: true });
  }
}

/** Those packages were not here before, so nobody counts on their services. */
async function disableServices(services: readonly string[]): Promise<void> {
  if (services.length === 0 || !isHere('systemctl')) return;
  const known = services.filter((name) => existsSync(`/lib/systemd/system/${name}`));
  if (known.length > 0) await run(['systemctl', '--quiet', 'disable', ...known]);
}
