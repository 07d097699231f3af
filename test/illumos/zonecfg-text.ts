import type { Zone } from './state.ts';
import {
  ALIASES,
  PROPERTIES,
  RESOURCE_TYPES,
  type Resource,
  type ResourceType,
  rctlLimit,
  resourcesOf,
  type ZoneConfig,
} from './zone-config.ts';

/** What `zonecfg info` and `zonecfg export` write of a configuration. */

/** A value with a space in it stands in quotes. */
const quoted = (value: string): string => (value.includes(' ') ? `"${value}"` : value);

const GLOBALS: [word: string, of: (zone: Pick<Zone, 'name' | 'config'>) => string][] = [
  ['zonename', ({ name }) => name],
  ['zonepath', ({ config }) => config.zonepath],
  ['brand', ({ config }) => config.brand],
  ['autoboot', ({ config }) => String(config.autoboot)],
  ['bootargs', ({ config }) => config.bootargs],
  ['pool', ({ config }) => config.pool],
  ['limitpriv', ({ config }) => config.limitpriv],
  ['scheduling-class', ({ config }) => config.schedulingClass],
  ['ip-type', ({ config }) => config.ipType],
  ['hostid', ({ config }) => config.hostid],
  ['fs-allowed', ({ config }) => config.fsAllowed],
];

/** What `info` goes through. */
const ORDER = RESOURCE_TYPES.filter((type) => type !== 'security-flags');

/** The lines of `zonecfg info`, or of `info WHAT` for a property or a kind of resource, those that match `where`. */
export function infoLines(
  zone: Pick<Zone, 'name' | 'config'>,
  what?: string,
  where: [string, string][] = [],
): string[] {
  const line = ([word, of]: (typeof GLOBALS)[number]) => `${word}: ${of(zone)}`;
  const named = GLOBALS.find(([word]) => word === what);
  if (named) return [line(named)];
  if (what !== undefined && Object.hasOwn(ALIASES, what)) return aliasLines(zone.config, what);
  if (what !== undefined) {
    const lines = resourceLines(zone.config, what as ResourceType, where);
    return lines.length === 0 && where.length > 0 ? [`No such ${what} resource.`] : lines;
  }
  return [
    ...GLOBALS.map(line),
    ...Object.keys(ALIASES).flatMap((alias) => aliasLines(zone.config, alias)),
    ...ORDER.flatMap((type) => resourceLines(zone.config, type, [])),
  ];
}

function aliasLines(config: ZoneConfig, alias: string): string[] {
  const limit = rctlLimit(config, ALIASES[alias]!);
  if (limit === undefined) return [];
  return [`[${alias}: ${alias === 'max-shm-memory' ? scaled(limit) : limit}]`];
}

function resourceLines(config: ZoneConfig, type: ResourceType, where: [string, string][]): string[] {
  if (type === 'capped-cpu') {
    const cap = rctlLimit(config, 'zone.cpu-cap');
    return cap === undefined ? [] : ['capped-cpu:', `\t[ncpus: ${(cap / 100).toFixed(2)}]`];
  }
  if (type === 'capped-memory') return memoryLines(config);
  return resourcesOf(config, type)
    .filter(({ simple }) => where.every(([name, value]) => simple[name] === value))
    .flatMap(oneResource);
}

/** The lines of one resource, as `info` shows it. */
export function oneResource({ type, simple, lists }: Resource): string[] {
  const { has, shown = has, lists: listed } = PROPERTIES[type];
  const lines = has.flatMap((name) => {
    if (simple[name]) return [`\t${name}: ${quoted(simple[name])}`];
    return shown.includes(name) ? [`\t${name} not specified`] : [];
  });
  const values = listed.flatMap((name) => {
    const items = lists[name] ?? [];
    if (type === 'fs')
      return [`\t${name}: [${items.map((item) => (item.includes('=') ? `"${item}"` : item)).join(',')}]`];
    return items.map((item) => `\t${name}: ${item}`);
  });
  return [`${type}:`, ...lines, ...values];
}

function memoryLines(config: ZoneConfig): string[] {
  const physical = resourcesOf(config, 'capped-memory')[0]?.simple.physical;
  const swap = rctlLimit(config, 'zone.max-swap');
  const locked = rctlLimit(config, 'zone.max-locked-memory');
  if (physical === undefined && swap === undefined && locked === undefined) return [];
  return [
    'capped-memory:',
    ...(physical === undefined ? [] : [`\tphysical: ${scaled(Number(physical))}`]),
    ...(swap === undefined ? [] : [`\t[swap: ${scaled(swap)}]`]),
    ...(locked === undefined ? [] : [`\t[locked: ${scaled(locked)}]`]),
  ];
}

/** Bytes with a unit: whole ones, and one decimal below ten where it is not whole. */
export function scaled(bytes: number): string {
  const units = ['', 'K', 'M', 'G', 'T'];
  let left = bytes;
  let before = bytes;
  let unit = 0;
  while (left >= 1024 && unit < units.length - 1) {
    unit++;
    before = left;
    left = Math.floor((left + 512) / 1024);
  }
  if (unit === 0) return String(bytes);
  const isWhole = before % 1024 === 0 || before / 1024 >= 10;
  return (isWhole ? String(left) : (before / 1024).toFixed(1)) + units[unit];
}

/** The number that `50m`, `1.5G` or `1024` means, where it is one. */
export function bytesOf(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([KMGT])?$/i.exec(text);
  if (!match) return undefined;
  const scale = { k: 1, m: 2, g: 3, t: 4 }[(match[2] ?? '').toLowerCase()] ?? 0;
  return Math.floor(Number(match[1]) * 1024 ** scale);
}

/**
 * A command file that makes the same configuration again.
 *
 * Caps that are kept as resource controls are written as those, and not as they were given: a cap of the CPUs comes out as
 * `rctl` zone.cpu-cap, swap as zone.max-swap. Boot arguments are written without quotes, also where they have spaces.
 */
export function exportLines({ config }: Pick<Zone, 'config'>): string[] {
  const set = (name: string, value: string) => (value === '' ? [] : [`set ${name}=${value}`]);
  return [
    'create -b',
    ...set('zonepath', config.zonepath),
    ...(config.brand === 'native' ? [] : set('brand', config.brand)),
    `set autoboot=${config.autoboot}`,
    ...set('bootargs', config.bootargs),
    ...set('pool', config.pool),
    ...set('limitpriv', config.limitpriv),
    ...set('scheduling-class', config.schedulingClass),
    ...set('ip-type', config.ipType),
    ...set('hostid', config.hostid),
    ...set('fs-allowed', config.fsAllowed),
    ...(['fs', 'net', 'device', 'capped-memory', 'rctl', 'attr', 'dataset', 'dedicated-cpu', 'admin'] as const).flatMap(
      (type) => resourcesOf(config, type).flatMap(exported),
    ),
  ];
}

function exported({ type, simple, lists }: Resource): string[] {
  const { has, lists: listed } = PROPERTIES[type];
  const values = has.flatMap((name) => {
    const value = simple[name];
    if (!value) return [];
    return [`set ${name}=${type === 'capped-memory' ? scaled(Number(value)) : quoted(value)}`];
  });
  const items = listed.flatMap((name) =>
    (lists[name] ?? []).map(
      (item) => `add ${name} ${item.includes('=') && !item.startsWith('(') ? `"${item}"` : item}`,
    ),
  );
  return [`add ${type}`, ...values, ...items, 'end'];
}
