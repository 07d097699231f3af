import { lstat } from 'node:fs/promises';
import type { Change } from './changes.ts';
import type { Ground } from './ground.ts';

const INSTALL_TIMEOUT_MS = 20 * 60_000;

/** Debian packages. Those of a tree that is no machine yet are its builder's. */
export const packages = (ground: Ground, names: readonly string[]): Change => {
  const missingNames = async (): Promise<string[]> => {
    if (!ground.isThisMachine) return [];
    const states = await Promise.all(
      names.map((name) =>
        ground.run(['dpkg-query', '-W', '-f', '$' + '{db:Status-Status}', name]).catch(() => 'not-installed'),
      ),
    );
    return names.filter((_, at) => states[at] !== 'installed');
  };
  return {
    async missing() {
      const missing = await missingNames();
      return missing.length === 0 ? undefined : `install the packages ${missing.join(' ')}`;
    },
    async apply() {
      const argv = ['apt-get', '-q', '-y', 'install', '--no-install-recommends', ...(await missingNames())] as const;
      await ground.run(argv as unknown as [string, ...string[]], INSTALL_TIMEOUT_MS);
    },
  };
};

/**
 * A system user of its own and the groups that it is in, as its file in sysusers.d(5) says. Groups of the unit would not do:
 * polkit, which libvirt asks, goes by the user's.
 */
export const user = (ground: Ground, name: string, groups: readonly string[]): Change => ({
  async missing() {
    if ((await ground.ownerOf(name)) === undefined) return `make the user ${name}`;
    const isMember = await Promise.all(groups.map((group) => ground.isMember(name, group)));
    const missing = groups.filter((_, at) => !isMember[at]);
    return missing.length === 0 ? undefined : `put the user ${name} into ${missing.join(', ')}`;
  },
  apply: async () => void (await ground.run(['systemd-sysusers', `--root=${ground.root}`, `${name}.conf`])),
});

export const enabled = (ground: Ground, unit: string): Change => ({
  missing: async () => ((await isEnabled(ground, unit)) ? undefined : `enable ${unit}`),
  apply: async () => void (await ground.run(['systemctl', `--root=${ground.root}`, '--quiet', 'enable', unit])),
});

export const disabled = (ground: Ground, unit: string): Change => ({
  missing: async () => ((await isEnabled(ground, unit)) ? `disable ${unit}` : undefined),
  apply: async () => void (await ground.run(['systemctl', `--root=${ground.root}`, '--quiet', 'disable', unit])),
});

const isEnabled = async (ground: Ground, unit: string): Promise<boolean> =>
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

export const running = (ground: Ground, unit: string): Change => ({
  missing: async () => (!ground.isLive || (await isActive(ground, unit)) ? undefined : `start ${unit}`),
  apply: async () => void (await ground.run(['systemctl', 'start', unit])),
});

export const stopped = (ground: Ground, unit: string): Change => ({
  missing: async () => (ground.isLive && (await isActive(ground, unit)) ? `stop ${unit}` : undefined),
  apply: async () => void (await ground.run(['systemctl', 'stop', unit])),
});

/** What systemd has read is not what is written now. */
export async function reread(ground: Ground, units: readonly string[]): Promise<void> {
  if (!ground.isLive) return;
  await ground.run(['systemctl', 'daemon-reload']);
  for (const unit of units) await ground.run(['systemctl', 'try-restart', unit]);
}

const isActive = async (ground: Ground, unit: string): Promise<boolean> =>
  ground.run(['systemctl', '--quiet', 'is-active', unit]).then(
    () => true,
    () => false,
  );
