import { settingOf, withValue, type ZoneConfig } from './config-text.ts';

/**
 * Limits of memory and CPU, in the words of cgroups.
 *
 * A host has each controller in one hierarchy of version 1, or in the one of version 2, and the words differ. LXC's keys of the
 * wrong version abort a start, or are passed over in silence: so those that fit the host are read and written, and no others.
 *
 * Units: KEY of memory bytes, or with K, M, G, T; of CPU microseconds of each period. A zone has as many vCPUs as its share of time
 * comes to, rounded up; else as many as it is pinned to.
 * Source: lxc.container.conf(5) CONTROL GROUPS; Documentation/admin-guide/cgroup-v1/memory.rst (5.1: memsw is never below the
 * limit of memory; LXC writes it after that), cgroup-v2.rst
 */
export interface CgroupVersions {
  memory: 1 | 2;
  cpu: 1 | 2;
  cpuset: 1 | 2;
  /** Swap is counted, so that it can be limited: not every kernel does, and not as it is always started. */
  swap?: boolean;
}

/** Undefined where there is no limit. */
export interface Limits {
  memoryBytes?: number;
  vcpus?: number;
}

/** What is written to a controller: in the configuration as `lxc.cgroup.FILE` or `lxc.cgroup2.FILE`, and to a zone that runs as FILE. */
export interface LimitWritten {
  key: string;
  file: string;
  value: string;
}

const PERIOD_US = 100_000;
const PREFIX = { 1: 'lxc.cgroup.', 2: 'lxc.cgroup2.' } as const;
const MEMORY_FILE = { 1: 'memory.limit_in_bytes', 2: 'memory.max' } as const;
/** Version 1 limits memory and swap together, version 2 swap by itself. */
const SWAP_FILE = { 1: 'memory.memsw.limit_in_bytes', 2: 'memory.swap.max' } as const;
const QUOTA_FILE = 'cpu.cfs_quota_us';
const PERIOD_FILE = 'cpu.cfs_period_us';
const CPU_MAX_FILE = 'cpu.max';
const CPUSET_FILE = 'cpuset.cpus';

/** The files of a controller's folder that `limitsIn` reads. */
export const limitFiles = ({
  memory,
  cpu,
}: CgroupVersions): { memory: string; cpu: readonly string[]; cpuset: string } => ({
  memory: MEMORY_FILE[memory],
  cpu: cpu === 1 ? [QUOTA_FILE, PERIOD_FILE] : [CPU_MAX_FILE],
  cpuset: CPUSET_FILE,
});

/** Limits as a configuration has them. */
export const limitsOf = (config: ZoneConfig, versions: CgroupVersions): Limits =>
  limitsIn(versions, (controller, file) => settingOf(config, `${PREFIX[versions[controller]]}${file}`));

/** Limits, from whatever tells what a controller's file says. */
export function limitsIn(
  versions: CgroupVersions,
  read: (controller: Exclude<keyof CgroupVersions, 'swap'>, file: string) => string | undefined,
): Limits {
  const memoryBytes = sizeOf(read('memory', MEMORY_FILE[versions.memory]));
  const vcpus =
    cpusOfTime(
      versions.cpu === 1
        ? [read('cpu', QUOTA_FILE), read('cpu', PERIOD_FILE)]
        : (read('cpu', CPU_MAX_FILE)?.split(/\s+/) ?? []),
    ) ?? cpusInList(read('cpuset', CPUSET_FILE));
  return { ...(memoryBytes === undefined ? {} : { memoryBytes }), ...(vcpus === undefined ? {} : { vcpus }) };
}

/** What makes a zone have that much. */
export function memoryLimit(memoryMiB: number, { memory }: CgroupVersions): LimitWritten {
  const file = MEMORY_FILE[memory];
  return { key: PREFIX[memory] + file, file, value: `${memoryMiB}M` };
}

/**
 * What makes its limit of memory be one of all that it takes: else it would be swapped out, as much as the host has for all, before it is
 * held to anything. What the configuration lets it swap stays as it is.
 *
 * @returns undefined where the host cannot, or nothing is to be changed
 */
export function swapLimit(
  memoryMiB: number,
  { memory, swap }: CgroupVersions,
  config: ZoneConfig = [],
): LimitWritten | undefined {
  const file = SWAP_FILE[memory];
  const key = PREFIX[memory] + file;
  const had = settingOf(config, key);
  if (!swap || (had !== undefined && (memory === 2 || sizeOf(had) === undefined))) return undefined;
  if (memory === 2) return { key, file, value: '0' };
  const swappedBytes =
    (sizeOf(had) ?? 0) - (sizeOf(settingOf(config, PREFIX[1] + MEMORY_FILE[1])) ?? Number.POSITIVE_INFINITY);
  return { key, file, value: `${memoryMiB * MIB + Math.max(0, swappedBytes)}` };
}

export function vcpuLimit(vcpus: number, { cpu }: CgroupVersions): LimitWritten {
  const quota = vcpus * PERIOD_US;
  const [file, value] = cpu === 1 ? [QUOTA_FILE, `${quota}`] : [CPU_MAX_FILE, `${quota} ${PERIOD_US}`];
  return { key: PREFIX[cpu] + file, file, value };
}

/** A period of its own would turn the share into another one. */
export const withLimit = (config: ZoneConfig, { key, file, value }: LimitWritten): ZoneConfig =>
  withValue(file === QUOTA_FILE ? withValue(config, PREFIX[1] + PERIOD_FILE, undefined) : config, key, value);

export const MIB = 2 ** 20;
const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: MIB, G: 2 ** 30, T: 2 ** 40 };
/** The kernel has a number near 2^63 where there is no limit. */
const UNLIMITED_BYTES = 2 ** 60;

/** `max`, `-1` and what is too large are no limit. */
export function sizeOf(text: string | undefined): number | undefined {
  const [, digits, unit = ''] = /^(\d+)([KMGT]?)$/i.exec(text?.trim() ?? '') ?? [];
  if (digits === undefined) return undefined;
  const bytes = Number(digits) * (UNITS[unit.toUpperCase()] ?? 1);
  return bytes >= UNLIMITED_BYTES ? undefined : bytes;
}

function cpusOfTime([quota, period = `${PERIOD_US}`]: readonly (string | undefined)[]): number | undefined {
  const share = Number(quota ?? Number.NaN) / Number(period);
  return Number.isFinite(share) && share > 0 ? Math.ceil(share) : undefined;
}

/** Shape: `0-2,4`. An empty list, as version 2 has where nothing is pinned, is no limit. */
export function cpusInList(text: string | undefined): number | undefined {
  const parts = (text ?? '').trim().split(',').filter(Boolean);
  const counts = parts.map((part) => {
    const [, from, to = from] = /^(\d+)(?:-(\d+))?$/.exec(part.trim()) ?? [];
    return Number(to) - Number(from) + 1;
  });
  const count = counts.reduce((sum, each) => sum + each, 0);
  return Number.isInteger(count) && count > 0 ? count : undefined;
}
