import type { Command } from '#agent/exec/run.ts';

// What is asked of zones, as argv. Names of zones begin with a letter or a digit (zonecfg(8)): none can be taken for an option.

const SHORT_MS = 30_000;
/** A zone's own services start and stop in this time, or not at all. */
const BOOT_MS = 300_000;
/** Packages are copied, or an image is unpacked. */
const INSTALL_MS = 3_600_000;

const zoneadm = (zone: string, args: readonly string[], timeoutMs: number): Command => ({
  file: 'zoneadm',
  args: ['-z', zone, ...args],
  timeoutMs,
});
const zonecfg = (zone: string, ...args: string[]): Command => ({
  file: 'zonecfg',
  args: ['-z', zone, ...args],
  timeoutMs: SHORT_MS,
});

export const bootZone = (zone: string): Command => zoneadm(zone, ['boot'], BOOT_MS);
/** All but its processes. */
export const readyZone = (zone: string): Command => zoneadm(zone, ['ready'], BOOT_MS);
export const haltZone = (zone: string): Command => zoneadm(zone, ['halt'], BOOT_MS);
/** Waits until all of its processes have ended. */
export const shutdownZone = (zone: string): Command => zoneadm(zone, ['shutdown'], BOOT_MS);
export const rebootZone = (zone: string): Command => zoneadm(zone, ['shutdown', '-r'], BOOT_MS);

/** What it starts ends with it: an installation that was called off would go on. */
export const installZone = (zone: string, args: readonly string[]): Command => ({
  ...zoneadm(zone, ['install', ...args], INSTALL_MS),
  withDescendants: true,
});
/** With a copy of the files where `isLinked` is not said, else by ZFS. */
export const cloneZone = (zone: string, source: string, isLinked: boolean): Command => ({
  ...zoneadm(zone, ['clone', ...(isLinked ? [] : ['-m', 'copy']), source], INSTALL_MS),
  withDescendants: true,
});
export const uninstallZone = (zone: string): Command => ({
  ...zoneadm(zone, ['uninstall', '-F'], INSTALL_MS),
  withDescendants: true,
});

export const exportZone = (zone: string): Command => zonecfg(zone, 'export');
export const configureZone = (zone: string, file: string): Command => zonecfg(zone, '-f', file);
export const deleteZone = (zone: string): Command => zonecfg(zone, 'delete', '-F');

/** Names of all datasets, a line each. */
export const listVolumes = (): Command => ({
  file: 'zfs',
  args: ['list', '-H', '-o', 'name', '-t', 'filesystem,volume'],
  timeoutMs: SHORT_MS,
});
/** Where file systems of ZFS are, a line each. */
export const listMountpoints = (): Command => ({
  file: 'zfs',
  args: ['list', '-H', '-o', 'mountpoint', '-t', 'filesystem'],
  timeoutMs: SHORT_MS,
});
export const createVolume = (volume: string, size: string): Command => ({
  file: 'zfs',
  args: ['create', '-V', size, volume],
  timeoutMs: SHORT_MS,
});
export const destroyVolume = (volume: string): Command => ({
  file: 'zfs',
  args: ['destroy', volume],
  timeoutMs: SHORT_MS,
});

export const countCpus = (): Command => ({ file: 'psrinfo', args: ['-t'], timeoutMs: SHORT_MS });
export const readMemory = (): Command => ({ file: 'prtconf', args: ['-m'], timeoutMs: SHORT_MS });
export const readSystem = (): Command => ({ file: 'uname', args: ['-srv'], timeoutMs: SHORT_MS });

/** What holds for a running zone now. */
export const readCpuCap = (zone: string): Command => ({
  file: 'prctl',
  args: ['-P', '-n', 'zone.cpu-cap', '-i', 'zone', zone],
  timeoutMs: SHORT_MS,
});
/** @param how `-r` replaces a cap, `-s` sets the first one */
export const capCpus = (zone: string, vcpus: number, how: '-r' | '-s'): Command => ({
  file: 'prctl',
  args: ['-n', 'zone.cpu-cap', '-t', 'privileged', how, '-v', String(vcpus * 100), '-i', 'zone', zone],
  timeoutMs: SHORT_MS,
});
export const capMemory = (zone: string, memoryMiB: number): Command => ({
  file: 'rcapadm',
  args: ['-z', zone, '-m', `${memoryMiB}M`],
  timeoutMs: SHORT_MS,
});

/** CPU time of a zone by the number that it has in the kernel. */
export const readFigures = (number: number): Command => ({
  file: 'kstat',
  args: ['-p', `zones:${number}::/^nsec_(user|sys)$/`],
  timeoutMs: SHORT_MS,
});
