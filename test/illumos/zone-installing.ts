import { randomUUID } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ERR, OK, options, USAGE } from './call.ts';
import type { HostState, Zone } from './state.ts';
import { zoneNamed } from './state.ts';
import { verifyInstall } from './zone-verify.ts';
import { mustBeDown, mustBeInstalled, targetIn, type ZoneCall, type ZoneProgram } from './zoneadm.ts';

/** `incomplete` while it goes on, and for good where it is cut off; `installed` at the end. */
export const install: ZoneProgram = async (call) => {
  const goesOn = call.host.change((state) => {
    const zone = targetIn(state, call);
    if (!mayInstall(call, zone, 'install') || !verifyInstall(call, state, zone)) return ERR;
    zone.state = 'incomplete';
    zone.packages = brandWords(call.args);
    if (!call.args.join(' ').includes('-x nodataset')) makeDataset(call, state, zone);
    return undefined;
  });
  if (goesOn !== undefined) return goesOn;
  const root = rootOf(call);
  mkdirSync(join(root, 'etc'), { recursive: true, mode: 0o755 });
  await call.takes(call.host.read((state) => state.settings.installMs));
  await call.middle();
  furnish(root, call.target);
  call.host.change((state) => {
    Object.assign(targetIn(state, call), { state: 'installed', uuid: randomUUID() });
  });
  return OK;
};

function mayInstall(call: ZoneCall, zone: Zone, verb: string): boolean {
  if (!mustBeDown(call, zone, verb)) return false;
  if (zone.state === 'installed') call.say('is already installed.');
  if (zone.state === 'incomplete') call.say('zone is incomplete; uninstall required.');
  return zone.state === 'configured';
}

/** `-o overlay`, `-p` and `-P` package: the options of Tribblix' brands. */
const brandWords = (args: readonly string[]): string[] =>
  options(args, 'o:O:p:P:x:t:s:c:n:I:').all.flatMap(([letter, value]) => ('oOpP'.includes(letter) ? [value] : []));

const rootOf = (call: ZoneCall): string =>
  call.host.path(call.host.read((state) => join(targetIn(state, call).config.zonepath, 'root')));

function furnish(root: string, name: string): void {
  chmodSync(root, 0o755);
  for (const folder of ['etc/rc2.d', 'etc/rc3.d', 'etc/ipf', 'dev', 'var', 'usr']) {
    mkdirSync(join(root, folder), { recursive: true, mode: 0o755 });
  }
  writeFileSync(join(root, 'etc/nodename'), `${name}\n`);
}

/** Where the parent of the zonepath is the mountpoint of a file system, the zonepath becomes one too. */
function makeDataset(call: ZoneCall, state: HostState, zone: Zone): void {
  const parent = state.datasets.find(({ mountpoint }) => mountpoint === dirname(zone.config.zonepath));
  if (!parent) return;
  const name = `${parent.name}/${zone.config.zonepath.split('/').at(-1)}`;
  if (state.datasets.some((dataset) => dataset.name === name)) return;
  state.datasets.push({ name, type: 'filesystem', mountpoint: zone.config.zonepath, properties: {} });
  call.out('A ZFS file system has been created for this zone.');
}

/** All under the zonepath goes; it is `incomplete` while that goes on, and `configured` at the end. */
export const uninstall: ZoneProgram = async (call) => {
  const goesOn = call.host.change((state) => {
    const zone = targetIn(state, call);
    if (!mustBeDown(call, zone, 'uninstall')) return ERR;
    if (zone.state === 'configured') {
      call.say("is already in state 'configured'.");
      return ERR;
    }
    if (!call.args.includes('-F')) {
      call.say('Input not from terminal and -F not specified: uninstall not done.');
      return ERR;
    }
    zone.state = 'incomplete';
    return undefined;
  });
  if (goesOn !== undefined) return goesOn;
  const zonepath = call.host.read((state) => targetIn(state, call).config.zonepath);
  await call.middle();
  call.host.remove(zonepath);
  call.host.change((state) => {
    const zone = targetIn(state, call);
    zone.state = 'configured';
    zone.packages = [];
    delete zone.uuid;
    delete state.services[zone.name];
    delete state.stacks[zone.name];
    state.datasets = state.datasets.filter(({ mountpoint }) => mountpoint !== zonepath);
  });
  return OK;
};

/** Install by copying another zone of the same brand, which must be down. */
export const clone: ZoneProgram = async (call) => {
  const asked = options(call.args, 'm:s:');
  const [source] = asked.rest;
  if (asked.bad !== undefined || source === undefined) {
    call.err('usage:\tclone [-m method] [-s <ZFS snapshot>] [brand-specific args] zonename');
    return USAGE;
  }
  const from = call.host.change((state) => {
    const zone = targetIn(state, call);
    const other = zoneNamed(state, source);
    if (!mayInstall(call, zone, 'clone')) return undefined;
    if (other?.state !== 'installed' || other.kernel) {
      call.say(`clone operation is invalid for ${other?.kernel ? 'running' : 'configured'} zones.`);
      return undefined;
    }
    if (other.config.brand !== zone.config.brand) {
      call.err(`zoneadm: Zones '${source}' and '${zone.name}' have different brand types.`);
      return undefined;
    }
    if (!verifyInstall(call, state, zone)) return undefined;
    Object.assign(zone, { state: 'incomplete', packages: [...other.packages] });
    makeDataset(call, state, zone);
    return call.host.path(join(other.config.zonepath, 'root'));
  });
  if (from === undefined) return ERR;
  await call.middle();
  cpSync(from, rootOf(call), { recursive: true });
  call.host.change((state) => {
    Object.assign(targetIn(state, call), { state: 'installed', uuid: randomUUID() });
  });
  return OK;
};

/** Between `installed` and `configured`, the files left where they are. */
export const detachOrAttach =
  (verb: 'detach' | 'attach'): ZoneProgram =>
  (call) =>
    call.host.change((state) => {
      const zone = targetIn(state, call);
      if (!mustBeDown(call, zone, verb)) return ERR;
      if (verb === 'detach') {
        if (!mustBeInstalled(call, zone, verb)) return ERR;
        Object.assign(zone, { state: 'configured', detached: true });
        return OK;
      }
      if (zone.state !== 'configured') {
        call.say(zone.state === 'installed' ? 'is already installed.' : 'zone is incomplete; uninstall required.');
        return ERR;
      }
      const root = call.host.path(join(zone.config.zonepath, 'root'));
      if (!existsSync(root) || readdirSync(root).length === 0) {
        call.err(`could not verify zonepath ${zone.config.zonepath} because of the above errors.`);
        return ERR;
      }
      zone.uuid ??= randomUUID();
      Object.assign(zone, { state: 'installed', detached: false });
      return OK;
    });

export const mark: ZoneProgram = (call) => {
  if (call.args.length !== 1 || call.args[0] !== 'incomplete') return USAGE;
  return call.host.change((state) => {
    const zone = targetIn(state, call);
    if (!mustBeDown(call, zone, 'mark')) return ERR;
    zone.state = 'incomplete';
    return OK;
  });
};

export const move: ZoneProgram = (call) => {
  const [to] = call.args;
  if (to === undefined || call.args.length > 1) {
    call.err('usage:\tmove zonepath');
    return USAGE;
  }
  return call.host.change((state) => {
    const zone = targetIn(state, call);
    if (!mustBeDown(call, zone, 'move') || !mustBeInstalled(call, zone, 'move')) return ERR;
    mkdirSync(dirname(call.host.path(to)), { recursive: true });
    renameSync(call.host.path(zone.config.zonepath), call.host.path(to));
    zone.config.zonepath = to;
    return OK;
  });
};
