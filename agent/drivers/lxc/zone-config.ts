import { Failure } from '#shared/errors.ts';
import { GuestRef } from '#shared/model/guest.ts';
import { configText, settingOf, withValue, type ZoneConfig } from './config-text.ts';

const NAME_KEY = 'skerry.name';
const TITLE_KEY = 'skerry.title';
const AUTOSTART_KEY = 'lxc.start.auto';
/** A folder's name, below which LXC puts names of its own for cgroups and sockets. */
const NAME_BYTES_MAX = 200;

/** Whether a zone can have that name: it is a folder's. Those that begin with a dot are of work that is under way. */
export const isZoneName = (name: string): boolean =>
  GuestRef.safeParse(name).success && !name.startsWith('.') && Buffer.byteLength(name) <= NAME_BYTES_MAX;

/**
 * The name of the zone that a definition is of: LXC keeps it as the name of a folder, and a definition has it as
 * `skerry.name`, or else as the host name that the zone gives itself.
 * @throws Failure guest-definition
 */
export function nameIn(config: ZoneConfig): string {
  const name = settingOf(config, NAME_KEY) ?? settingOf(config, 'lxc.uts.name');
  if (name === undefined)
    throw new Failure('guest-definition', {
      problem: `it has no name: say ${NAME_KEY} = NAME, or lxc.uts.name = NAME`,
    });
  if (!isZoneName(name))
    throw new Failure('guest-definition', { problem: `${JSON.stringify(name)} is no name for a zone` });
  return name;
}

/** The definition of a zone, which says its name. The folder's name holds: a copy of a zone may say that of the first. */
export function definitionText(name: string, config: ZoneConfig): string {
  const said = settingOf(config, NAME_KEY) ?? settingOf(config, 'lxc.uts.name');
  return configText(said === name ? config : withValue(config, NAME_KEY, name));
}

/** The configuration under another name; a host name that was the name follows it. */
export function withName(config: ZoneConfig, before: string, name: string): ZoneConfig {
  const host = settingOf(config, 'lxc.uts.name') === before ? withValue(config, 'lxc.uts.name', name) : config;
  return settingOf(host, 'lxc.uts.name') === name && settingOf(host, NAME_KEY) === undefined
    ? host
    : withValue(host, NAME_KEY, name);
}

export const titleIn = (config: ZoneConfig): string | undefined => settingOf(config, TITLE_KEY);
/** An empty title is none. */
export const withTitle = (config: ZoneConfig, title: string): ZoneConfig =>
  withValue(config, TITLE_KEY, title.trim() === '' ? undefined : title);

export const autostartIn = (config: ZoneConfig): boolean => Number(settingOf(config, AUTOSTART_KEY) ?? 0) !== 0;
export const withAutostart = (config: ZoneConfig, enabled: boolean): ZoneConfig =>
  withValue(config, AUTOSTART_KEY, enabled ? '1' : undefined);

export const consoleLogIn = (config: ZoneConfig): string | undefined => {
  const file = settingOf(config, 'lxc.console.logfile');
  return file === 'none' ? undefined : file;
};
