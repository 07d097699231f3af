import { lstat, readdir, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Change } from './changes.ts';
import type { Ground } from './ground.ts';

const INSTALL_TIMEOUT_MS = 20 * 60_000;
/** Nobody is there to answer: what a package asks goes as it proposes, and a configuration that is there stays its owner's. */
const INSTALL = [
  ...(['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q', '-y'] as const),
  ...['-o', 'Dpkg::Options::=--force-confdef', '-o', 'Dpkg::Options::=--force-confold'],
  ...['install', '--no-install-recommends'],
] as const;
/** Some wait for their database. */
const START_TIMEOUT_MS = 5 * 60_000;

/** Debian packages. Those of a tree that is no machine yet are its builder's. */
export const packages = (ground: Ground, names: readonly string[]): Change => {
  const missingNames = async (): Promise<string[]> => {
    if (!ground.isThisMachine) return [];
    const states = await Promise.all(
      names.map((name) =>
        // A line for each architecture.
        ground.run(['dpkg-query', '-W', '-f', '$' + '{db:Status-Status}\\n', name]).catch(() => 'not-installed'),
      ),
    );
    return names.filter((_, at) => !states[at]?.split('\n').includes('installed'));
  };
  return {
    async missing() {
      const missing = await missingNames();
      return missing.length === 0 ? undefined : `install the packages ${missing.join(' ')}`;
    },
    async apply() {
      await ground.run([...INSTALL, ...(await missingNames())], INSTALL_TIMEOUT_MS);
    },
  };
};

/** A group, as a file in sysusers.d(5) says. */
export const group = (ground: Ground, name: string, sysusers: string): Change => ({
  missing: async () => ((await ground.hasGroup(name)) ? undefined : `make the group ${name}`),
  apply: () => makeUsers(ground, sysusers),
});

/**
 * A system user of its own and the groups that it is in, as its file in sysusers.d(5) says. Groups of the unit would not do:
 * polkit, which libvirt asks, goes by the user's.
 */
export const user = (ground: Ground, name: string, groups: readonly string[], sysusers: string): Change => ({
  async missing() {
    if ((await ground.ownerOf(name)) === undefined) return `make the user ${name}`;
    const isMember = await Promise.all(groups.map((group) => ground.isMember(name, group)));
    const missing = groups.filter((_, at) => !isMember[at]);
    return missing.length === 0 ? undefined : `put the user ${name} into ${missing.join(', ')}`;
  },
  apply: () => makeUsers(ground, sysusers),
});

async function makeUsers(ground: Ground, sysusers: string): Promise<void> {
  await ground.run(['systemd-sysusers', `--root=${ground.root}`, basename(sysusers)]);
}

/** A user whose files are gone. */
export const noUser = (ground: Ground, name: string): Change => ({
  missing: async () => ((await ground.ownerOf(name)) === undefined ? undefined : `remove the user ${name}`),
  apply: async () => void (await ground.run(['userdel', '--prefix', ground.root, name])),
});

export const enabled = (ground: Ground, unit: string): Change => ({
  missing: async () => ((await isEnabled(ground, unit)) ? undefined : `enable ${unit}`),
  apply: async () => void (await ground.run(['systemctl', `--root=${ground.root}`, '--quiet', 'enable', unit])),
});

export const disabled = (ground: Ground, unit: string): Change => ({
  missing: async () => ((await isEnabled(ground, unit)) ? `disable ${unit}` : undefined),
  apply: async () => void (await ground.run(['systemctl', `--root=${ground.root}`, '--quiet', 'disable', unit])),
});

export const isEnabled = async (ground: Ground, unit: string): Promise<boolean> =>
  // A link, which in a tree points to nothing.
  (await lstat(ground.at(`/etc/systemd/system/multi-user.target.wants/${unit}`)).catch(() => undefined)) !== undefined;

/** A unit that a package would start is never started. One that was there before has its users, and is left to them. */
export const maskedUnlessThere = (ground: Ground, unit: string): Change => ({
  async missing() {
    const found = await Promise.all(
      ['/etc', '/lib', '/usr/lib'].map((at) => lstat(ground.at(`${at}/systemd/system/${unit}`)).catch(() => undefined)),
    );
    return found.some((each) => each !== undefined) ? undefined : `mask ${unit}`;
  },
  apply: async () => void (await ground.run(['systemctl', `--root=${ground.root}`, '--quiet', 'mask', unit])),
});

/** A unit that we masked, as its package would have it but for one thing: it is not started by itself at the next boot. */
export const unmasked = (ground: Ground, unit: string): Change => ({
  missing: async () =>
    (await readlink(ground.at(`/etc/systemd/system/${unit}`)).catch(() => '')) === '/dev/null'
      ? `unmask ${unit}`
      : undefined,
  async apply() {
    // In a tree without the package there is nothing to disable.
    for (const verb of ['unmask', 'disable'])
      await ground.run(['systemctl', `--root=${ground.root}`, '--quiet', verb, unit]).catch((error) => {
        if (verb === 'unmask') throw error;
      });
  },
});

/**
 * A service that runs, by what is written now: one that began before a file of its own was changed last is started again.
 * @param files its configuration, its unit, its program: files, and folders with all that is in them
 * @param others units that are started anew with it
 */
export const running = (
  ground: Ground,
  unit: string,
  files: readonly string[],
  others: readonly string[] = [],
): Change => ({
  async missing(before) {
    if (!ground.isLive) return undefined;
    if (!(await isActive(ground, unit))) return `start ${unit}`;
    if (before.some((what) => files.some((path) => what.split(' ').includes(path)))) return `start ${unit}`;
    const beganMs = await beganAtMs(ground, unit);
    const isOlder = (await Promise.all(files.map((path) => changedAtMs(ground.at(path))))).some((at) => at > beganMs);
    return isOlder ? `start ${unit}` : undefined;
  },
  async apply() {
    // What systemd has read is not what is written now.
    await ground.run(['systemctl', 'daemon-reload']);
    // One that has failed too often would not be started.
    await ground.run(['systemctl', 'reset-failed', unit]).catch(() => '');
    await ground.run(['systemctl', 'restart', ...others, unit], START_TIMEOUT_MS);
  },
});

/** A service that goes on with what was put back: one that does not run, and that nothing was put back for, is left alone. */
export const goingOn = (ground: Ground, unit: string, files: readonly string[], others: readonly string[]): Change => {
  const change = running(ground, unit, files, others);
  return {
    ...change,
    async missing(before) {
      const isTouched = before.some((what) => files.some((path) => what.split(' ').includes(path)));
      return isTouched || (ground.isLive && (await isActive(ground, unit))) ? await change.missing(before) : undefined;
    },
  };
};

/** When it was started last, in ms since 1970. */
async function beganAtMs(ground: Ground, unit: string): Promise<number> {
  const argv = [
    'systemctl',
    'show',
    '--timestamp=us+utc',
    '--property=InactiveExitTimestamp',
    '--value',
    unit,
  ] as const;
  // "Sat 2026-11-28 15:50:09.123456 UTC"
  const [, day, time] = (await ground.run(argv)).split(' ');
  return Date.parse(`${day}T${time}Z`);
}

async function changedAtMs(path: string): Promise<number> {
  const found = await lstat(path).catch(() => undefined);
  if (!found?.isDirectory()) return found === undefined ? 0 : Math.max(found.mtimeMs, found.ctimeMs);
  const inside = await readdir(path, { recursive: true, withFileTypes: true });
  const times = inside.map(async (entry) => (await lstat(join(entry.parentPath, entry.name))).mtimeMs);
  return Math.max(found.mtimeMs, ...(await Promise.all(times)));
}

export const stopped = (ground: Ground, unit: string): Change => ({
  missing: async () => (ground.isLive && (await isActive(ground, unit)) ? `stop ${unit}` : undefined),
  async apply() {
    if (ground.isLive) await ground.run(['systemctl', 'stop', unit], START_TIMEOUT_MS);
  },
});

/** A change that a service is stopped for; who starts it again comes later. */
export const withStopped = (ground: Ground, unit: string, change: Change): Change => ({
  missing: change.missing,
  async apply() {
    await stopped(ground, unit).apply();
    await change.apply();
  },
});

const isActive = async (ground: Ground, unit: string): Promise<boolean> =>
  ground.run(['systemctl', '--quiet', 'is-active', unit]).then(
    () => true,
    () => false,
  );
