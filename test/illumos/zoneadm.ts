import { type Call, ERR, Exit, inGlobal, OK, options, type Program, USAGE } from './call.ts';
import { GLOBAL, type HostState, wordOf, type Zone, zoneNamed } from './state.ts';
import { clone, detachOrAttach, install, mark, move, uninstall } from './zone-installing.ts';
import { listZones } from './zone-listing.ts';
import { boot, halt, ready, reboot, shutdown } from './zone-power.ts';
import { verify } from './zone-verify.ts';

/** zoneadm(8): list, install, boot, halt and remove zones. */
export const zoneadm: Program = (call) => {
  const asked = options(call.args, 'R:u:z:');
  const [word, ...rest] = asked.rest;
  if (asked.bad !== undefined || word === undefined) return usage(call);
  const uuid = asked.flags.get('u');
  const target = call.host.read((state) => targetOf(state, asked.flags.get('z'), uuid));
  if (target !== undefined && target !== GLOBAL && !call.host.read((state) => zoneNamed(state, target))) {
    throw new Exit(`${target}: No such zone configured`);
  }
  const inside: Call = { ...call, args: rest };
  if (word === 'list') return listZones(inside, target);
  if (word === 'help') return OK;
  const act = ACTS[word];
  if (!act) return usage(call);
  if (!inGlobal(call)) throw new Exit(`must be in the global zone to ${word} a zone.`);
  if (target === undefined) throw new Exit('no zone specified');
  if (!call.host.read((state) => state.settings.privileged)) {
    throw new Exit(`zone '${target}': only a privileged user may ${word} a zone.`);
  }
  if (target === GLOBAL) throw new Exit(`zone 'global': ${word} operation is invalid for the global zone.`);
  return act({ ...inside, target, say: (message) => call.err(`zoneadm: zone '${target}': ${message}`) });
};

/** A subcommand for one zone, and how it complains of that. */
export interface ZoneCall extends Call {
  target: string;
  say(message: string): void;
}
export type ZoneProgram = (call: ZoneCall) => Promise<number> | number;

const ACTS: Record<string, ZoneProgram> = {
  attach: detachOrAttach('attach'),
  boot,
  clone,
  detach: detachOrAttach('detach'),
  halt,
  install,
  mark,
  move,
  ready,
  reboot,
  shutdown,
  sysboot,
  uninstall,
  verify,
};

/** What the host asks, as it starts, of each zone that it does not boot. */
function sysboot(call: ZoneCall): number {
  const word = call.host.read((state) => wordOf(targetIn(state, call)));
  if (word === 'installed') return OK;
  call.say(`sysboot operation is invalid for ${word} zones.`);
  return ERR;
}

const targetOf = (state: HostState, name: string | undefined, uuid: string | undefined): string | undefined =>
  (uuid && state.zones.find((zone) => zone.uuid === uuid)?.name) || name;

function usage(call: Call): number {
  call.err(
    'usage:\tzoneadm help\n\tzoneadm [-z <zone>] [-u <uuid-match>] list\n\tzoneadm {-z <zone>|-u <uuid-match>} <subcommand>',
  );
  return USAGE;
}

/** The zone of a call; whoever calls has looked that it is there. */
export const targetIn = (state: HostState, call: ZoneCall): Zone =>
  zoneNamed(state, call.target) ?? fail(`${call.target}: No such zone configured`);

const fail = (message: string): never => {
  throw new Exit(message);
};

/** Refuse what is not for a zone that is up. */
export function mustBeDown(call: ZoneCall, zone: Zone, verb: string): boolean {
  if (!zone.kernel) return true;
  call.say(`${verb} operation is invalid for ${wordOf(zone)} zones.`);
  return false;
}

/** Refuse what needs the zone to be installed. */
export function mustBeInstalled(call: ZoneCall, zone: Zone, verb: string): boolean {
  if (zone.state === 'installed') return true;
  call.say(`must be installed before ${verb}.`);
  return false;
}

/** What zoneadm says where zoneadmd has refused. */
export function refusedByDaemon(call: ZoneCall, message: string): number {
  call.err(`zone '${call.target}': ${message}`);
  call.say('call to zoneadmd failed');
  return ERR;
}
