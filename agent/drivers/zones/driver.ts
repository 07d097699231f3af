import type { GuestId, HypervisorDriver } from '#agent/drivers/driver.ts';
import { openConsole } from './console.ts';
import { cloneGuest, createGuest, defineGuest } from './creating.ts';
import { type Ground, zoneOf } from './ground.ts';
import { type GroundOptions, groundOf } from './ground-of.ts';
import { attachNic, detachNic, listNics } from './nics.ts';
import { parseDefinition } from './plan.ts';
import { poweroffGuest, rebootGuest, resumeGuest, shutdowns, startGuest } from './power.ts';
import { runProgram } from './programs.ts';
import { listGuests, readDefinition, readGuest, readStats } from './reading.ts';
import { formOf } from './recipe.ts';
import { recover } from './recovering.ts';
import { deleteGuest } from './removing.ts';
import { setAutostart, setGuest } from './setting.ts';
import { definitionOf } from './short-form.ts';
import { type Watching, watching } from './watch.ts';

const LOOK_MS = 2_000;

export interface ZonesOptions extends GroundOptions {
  /** Where archives and images are that zones are made of. */
  images?: string;
  /** How long a change by others may go unnoticed. */
  lookMs?: number;
}

/** The driver of zones of illumos, by its own commands. As root in the global zone. */
export function zonesDriver(options: ZonesOptions): HypervisorDriver {
  const watches = watching(() => ground, options.lookMs ?? LOOK_MS);
  const ground = groundOf(options, watches.stir);
  return driverOn(ground, watches, options.images);
}

/** The parts as one driver. What was cut off is mended while it answers already: changes of such a zone wait for that. */
function driverOn(ground: Ground, watches: Watching, images: string | undefined): HypervisorDriver {
  const closed = new AbortController();
  const asking = shutdowns(ground);
  const recovered = recover(ground, closed.signal).catch((error: unknown) => {
    if (!closed.signal.aborted) ground.log.warn({ err: error }, 'what was cut off could not be read');
  });
  const known = (id: GuestId, signal: AbortSignal) => zoneOf(ground, id, signal);
  return {
    kind: 'zones',
    uri: 'zones:///',
    listGuests: (signal) => listGuests(ground, signal),
    readGuest: (id, signal) => readGuest(ground, id, signal),
    readHost: (signal) => ground.readHost(signal),
    startGuest: (id, how, signal) => startGuest(ground, id, how, signal),
    readParams: async (id, signal) => {
      await known(id, signal);
      return [];
    },
    shutdownGuest: (id, _, signal) => asking.ask(id, signal),
    poweroffGuest: (id, signal) => poweroffGuest(ground, id, signal),
    rebootGuest: (id, signal) => rebootGuest(ground, id, signal),
    resumeGuest: (id, signal) => resumeGuest(ground, id, signal),
    defineGuest: (text, how, signal) => defineGuest(ground, text, how, signal),
    definitionOf: (form) => definitionOf(form, ground),
    nameIn: (text) => parseDefinition(text).name,
    deleteGuest: (id, signal) => deleteGuest(ground, id, signal),
    createGuest: async (recipe, work) =>
      createGuest(ground, await formOf(recipe, { folder: images, host: ground.host }), work),
    cloneGuest: (id, as, work) => cloneGuest(ground, id, as, work),
    readDefinition: (id, signal) => readDefinition(ground, id, signal),
    setGuest: (id, change, signal) => setGuest(ground, id, change, signal),
    setAutostart: (id, enabled, signal) => setAutostart(ground, id, enabled, signal),
    listNics: (id, signal) => listNics(ground, id, signal),
    attachNic: (id, nic, signal) => attachNic(ground, id, nic, signal),
    detachNic: (id, mac, signal) => detachNic(ground, id, mac, signal),
    runProgram: (id, program, signal) => runProgram(ground, id, program, signal),
    readStats: (id, signal) => readStats(ground, id, signal),
    watch: watches.watch,
    openConsole: (id, signal) => openConsole(ground, id, signal),
    close: async () => {
      closed.abort(new Error('the driver closes'));
      await Promise.all([watches.stop(), asking.stop(), recovered]);
    },
  };
}
