import { Broken, ERR, OK, options, USAGE } from './call.ts';
import { askToStop } from './settling.ts';
import { wordOf } from './state.ts';
import { bootZone, endZone, readyZone } from './zone-life.ts';
import { verifyBoot } from './zone-verify.ts';
import { mustBeInstalled, refusedByDaemon, targetIn, type ZoneCall, type ZoneProgram } from './zoneadm.ts';

/** Returns when init has been started, not when services are up. One that runs is left alone, with exit code 0. */
export const boot: ZoneProgram = async (call) => {
  const asked = options(call.args, 'fsX');
  if (asked.bad !== undefined) return usage(call, 'boot [-- boot_arguments]');
  const goesOn = call.host.change((state) => {
    const zone = targetIn(state, call);
    if (!mustBeInstalled(call, zone, 'boot') || !verifyBoot(call, state, zone)) return ERR;
    if (zone.kernel && zone.kernel.state !== 'ready') {
      call.say('zone is already booted');
      return OK;
    }
    const problem = zone.kernel ? undefined : readyZone(state, zone, Date.now());
    return problem === undefined ? undefined : refusedByDaemon(call, problem);
  });
  if (goesOn !== undefined) return goesOn;
  return bringUp(call, asked.rest.join(' '));
};

/** From ready to running; where that fails, zoneadmd takes the zone down again. */
async function bringUp(call: ZoneCall, bootArgs: string): Promise<number> {
  try {
    await call.takes(call.host.read((state) => state.settings.bootMs));
    await call.middle();
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    call.host.change((state) => endZone(state, targetIn(state, call)));
    return refusedByDaemon(call, error.message);
  }
  call.host.change((state) => {
    const zone = targetIn(state, call);
    if (zone.kernel?.state === 'ready') bootZone(state, zone, bootArgs || zone.config.bootargs, Date.now());
  });
  return OK;
}

/** Past the scripts of the zone. One that is down is left alone, with exit code 0. */
export const halt: ZoneProgram = async (call) => {
  if (call.args.length > 0) return usage(call, 'halt');
  const goesOn = call.host.change((state) => {
    const zone = targetIn(state, call);
    if (zone.state !== 'installed') {
      call.err(`zone '${zone.name}': cannot manage a zone which is in state '${zone.state}'`);
      call.say('could not start zoneadmd');
      return ERR;
    }
    if (!zone.kernel) {
      call.say('zone is already halted');
      return OK;
    }
    Object.assign(zone.kernel, { state: 'shutting_down', stopsAt: undefined });
    return undefined;
  });
  if (goesOn !== undefined) return goesOn;
  await call.takes(call.host.read((state) => state.settings.haltMs));
  try {
    await call.middle();
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    return refusedByDaemon(call, 'unable to destroy zone');
  }
  call.host.change((state) => endZone(state, targetIn(state, call)));
  return OK;
};

export const ready: ZoneProgram = (call) =>
  call.host.change((state) => {
    const zone = targetIn(state, call);
    if (!mustBeInstalled(call, zone, 'ready') || !verifyBoot(call, state, zone)) return ERR;
    if (zone.kernel?.state === 'ready') {
      call.say('zone is already ready');
      return OK;
    }
    if (zone.kernel) endZone(state, zone);
    const problem = readyZone(state, zone, Date.now());
    return problem === undefined ? OK : refusedByDaemon(call, problem);
  });

/** A halt and a boot. */
export const reboot: ZoneProgram = async (call) => {
  const asked = options(call.args, 'X');
  if (asked.bad !== undefined) return usage(call, 'reboot [-- boot_arguments]');
  const goesOn = call.host.change((state) => {
    const zone = targetIn(state, call);
    if (!zone.kernel) {
      call.say('not running');
      return ERR;
    }
    if (zone.kernel.state === 'ready') {
      return refusedByDaemon(call, `reboot operation is invalid for zones in state '${wordOf(zone)}'`);
    }
    if (!verifyBoot(call, state, zone)) return ERR;
    endZone(state, zone);
    const problem = readyZone(state, zone, Date.now());
    return problem === undefined ? undefined : refusedByDaemon(call, problem);
  });
  if (goesOn !== undefined) return goesOn;
  return bringUp(call, asked.rest.join(' '));
};

/**
 * Asks the zone, and waits until it is down. zoneadmd does the asking: it goes on when whoever waits has gone.
 */
export const shutdown: ZoneProgram = async (call) => {
  const asked = options(call.args, 'r');
  if (asked.bad !== undefined) return usage(call, 'shutdown [-r [-- boot_arguments]]');
  const limitMs = call.host.change((state) => {
    const zone = targetIn(state, call);
    if (!zone.kernel) {
      call.say('not running');
      return undefined;
    }
    askToStop(state, zone, Date.now(), false);
    return state.settings.shutdownTimeoutMs;
  });
  if (limitMs === undefined) return ERR;
  const end = Date.now() + limitMs;
  while (call.host.read((state) => targetIn(state, call).kernel)) {
    if (Date.now() >= end) return refusedByDaemon(call, 'unable to shutdown zone');
    await call.takes(5);
  }
  await call.middle();
  return asked.flags.has('r') ? boot({ ...call, args: ['--', ...asked.rest] }) : OK;
};

function usage(call: ZoneCall, text: string): number {
  call.err(`usage:\t${text}`);
  return USAGE;
}
