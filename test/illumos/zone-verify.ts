import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { ERR, OK } from './call.ts';
import { GLOBAL, type HostState, linkNamed, type Zone } from './state.ts';
import { resourcesOf } from './zone-config.ts';
import { targetIn, type ZoneCall, type ZoneProgram } from './zoneadm.ts';

/** zoneadm(8), `verify`: whether a configuration can be installed on this host. */
export const verify: ZoneProgram = (call) =>
  call.host.change((state) => {
    const zone = targetIn(state, call);
    if (zone.state === 'incomplete') {
      call.say('zone is incomplete; uninstall required.');
      return ERR;
    }
    const path = call.host.path(zone.config.zonepath);
    if (!existsSync(path)) call.err(`WARNING: ${zone.config.zonepath} does not exist, so it could not be verified.`);
    return ends(call, zone, (!existsSync(path) || pathIsFit(call, state, zone)) && partsAreFit(call, state, zone))
      ? OK
      : ERR;
  });

/** Before an installation the zonepath is made where it is missing; it and its parent must have the right owner and modes. */
export function verifyInstall(call: ZoneCall, state: HostState, zone: Zone): boolean {
  const path = call.host.path(zone.config.zonepath);
  if (!existsSync(path)) {
    mkdirSync(path, { recursive: true, mode: 0o755 });
    chmodSync(path, 0o700);
  }
  return ends(call, zone, pathIsFit(call, state, zone) && partsAreFit(call, state, zone));
}

export function verifyBoot(call: ZoneCall, state: HostState, zone: Zone): boolean {
  const { zonepath } = zone.config;
  if (existsSync(call.host.path(zonepath))) return ends(call, zone, partsAreFit(call, state, zone));
  call.err(`zoneadm: ${zonepath}: No such file or directory`);
  call.err(`could not verify zonepath ${zonepath} because of the above errors.`);
  return ends(call, zone, false);
}

function ends(call: ZoneCall, zone: Zone, isFit: boolean): boolean {
  if (!isFit) call.err(`zoneadm: zone ${zone.name} failed to verify`);
  return isFit;
}

function pathIsFit(call: ZoneCall, state: HostState, zone: Zone): boolean {
  const { zonepath } = zone.config;
  const problems = [
    ...overlaps(state, zone),
    ...modeProblems(call, zonepath, { group: true }),
    ...modeProblems(call, dirname(zonepath), { group: false }),
    ...rootProblems(call, zone),
  ];
  for (const problem of problems) call.err(problem);
  if (problems.length > 0) call.err(`could not verify zonepath ${zonepath} because of the above errors.`);
  return problems.length === 0;
}

const overlaps = (state: HostState, zone: Zone): string[] => {
  const mine = `${zone.config.zonepath}/`;
  const other = state.zones.find(({ name, state: word, config }) => {
    const theirs = `${config.zonepath}/`;
    return name !== zone.name && word === 'installed' && (mine.startsWith(theirs) || theirs.startsWith(mine));
  });
  if (!other) return [];
  return [
    `${zone.name} zonepath (${zone.config.zonepath}) and ${other.name} zonepath (${other.config.zonepath}) overlap.`,
  ];
};

/** The zonepath is 700; its parent is not to be written by others. */
function modeProblems(call: ZoneCall, place: string, { group }: { group: boolean }): string[] {
  const { mode } = statSync(call.host.path(place));
  const bits: [number, string][] = group
    ? [
        [0o040, 'group readable'],
        [0o020, 'group writable'],
        [0o010, 'group executable'],
        [0o004, 'world readable'],
        [0o002, 'world writable'],
        [0o001, 'world executable'],
      ]
    : [
        [0o020, 'group writable'],
        [0o002, 'world writable'],
      ];
  return bits.filter(([bit]) => mode & bit).map(([, what]) => `${place} must not be ${what}.`);
}

function rootProblems(call: ZoneCall, zone: Zone): string[] {
  const root = `${zone.config.zonepath}/root`;
  if (zone.state !== 'configured' || !existsSync(call.host.path(root))) return [];
  if (zone.detached) {
    return [`Cannot install detached zone.\nUse attach or remove ${zone.config.zonepath} directory.`];
  }
  return (statSync(call.host.path(root)).mode & 0o777) === 0o755 ? [] : [`${root} mode is not 0755.`];
}

/** Warnings do not fail: an interface that is missing may be there at the boot. */
function partsAreFit(call: ZoneCall, state: HostState, zone: Zone): boolean {
  for (const { simple } of resourcesOf(zone.config, 'net')) warnOf(call, state, zone, simple.physical ?? '');
  let isFit = true;
  for (const { simple } of resourcesOf(zone.config, 'fs')) {
    if (['proc', 'mntfs', 'autofs', 'nfs'].includes(simple.type ?? '')) {
      call.err(`cannot verify fs ${simple.dir}: type ${simple.type} is not allowed.`);
      isFit = false;
    } else if (simple.type === 'lofs' && !isThere(call, state, simple.special ?? '')) {
      call.err(`could not verify fs ${simple.dir}: could not access ${simple.special}: No such file or directory`);
      isFit = false;
    }
  }
  for (const { simple } of resourcesOf(zone.config, 'dataset')) {
    if (state.datasets.some(({ name }) => name === simple.name)) continue;
    call.err(`could not verify zfs dataset ${simple.name}: dataset does not exist`);
    isFit = false;
  }
  return isFit;
}

const isThere = (call: ZoneCall, state: HostState, place: string): boolean =>
  state.settings.present.includes(place) || existsSync(call.host.path(place));

function warnOf(call: ZoneCall, state: HostState, zone: Zone, name: string): void {
  const isPlumbed = state.stacks[GLOBAL]!.interfaces.some((one) => one.name === name);
  const skipped = `WARNING: skipping network interface '${name}' which`;
  if (zone.config.ipType === 'shared') {
    if (!isPlumbed) call.err(`${skipped} may not be present/plumbed in the global zone.`);
    return;
  }
  const owner = linkNamed(state, name)?.zone;
  if (isPlumbed) call.err(`${skipped} is used in the global zone.`);
  else if (owner !== undefined && owner !== zone.name)
    call.err(`${skipped} is used by the non-global zone '${owner}'.`);
}
