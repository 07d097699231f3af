import { mkdir } from 'node:fs/promises';
import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import { keptWatches } from '#agent/drivers/watches.ts';
import type { Run } from '#agent/exec/run.ts';
import { runToEnd } from '#agent/exec/run-to-end.ts';
import { turns } from '#shared/turns.ts';
import { readVersions } from './cgroups.ts';
import { checkedConfig } from './config-text.ts';
import { openConsole, readConsoleLog } from './console.ts';
import { defineGuest, deleteGuest, readDefinition, setAutostart, setGuest } from './defining.ts';
import { examine, hasUserNamespaces } from './examine.ts';
import type { Ground } from './ground.ts';
import { cloneGuest, createGuest } from './making.ts';
import { zoneMonitor } from './monitor.ts';
import { attachNic, detachNic, listNics } from './nics.ts';
import {
  poweroffGuest,
  readParams,
  rebootGuest,
  resumeGuest,
  shutdownGuest,
  startGuest,
  suspendGuest,
} from './power.ts';
import { runProgram } from './programs.ts';
import { listGuests, readAddresses, readGuest, readHost, readStats } from './reading.ts';
import { definitionOfForm } from './short-form.ts';
import { deleteSnapshot, listSnapshots, revertSnapshot, takeSnapshot } from './snapshots.ts';
import { watchGuests } from './watch.ts';
import { nameIn } from './zone-config.ts';
import { zoneIndex } from './zone-index.ts';

export interface LxcOptions {
  run: Run;
  /** Folder of images; without it no zones are made of them. */
  images?: string;
  log: Ground['log'];
  /** The host's name, for messages. */
  host: string;
  /** LXC's own folder, with a folder for each zone. */
  folder?: string;
  logFolder?: string;
  /** The user ids that new zones get where the host allows it; undefined: none of their own. */
  idmap?: { first: number; count: number } | undefined;
}

export const LXC_FOLDER = '/var/lib/lxc';
export const LXC_LOG_FOLDER = '/var/log/lxc';

/**
 * The driver of LXC's zones, through the tools that LXC brings.
 *
 * It has to run in the host's own network namespace: LXC asks zones by sockets that belong to that one, and from another every zone
 * would seem to be off.
 */
export async function lxcDriver(options: LxcOptions): Promise<HypervisorDriver> {
  const { run, log, host, folder = LXC_FOLDER, logFolder = LXC_LOG_FOLDER } = options;
  await mkdir(logFolder, { recursive: true });
  const ground: Ground = {
    ...{ folder, logFolder, run, runToEnd, log, host },
    cgroups: await readVersions(),
    idmap: options.idmap && (await hasUserNamespaces()) ? options.idmap : undefined,
    inTurn: turns(),
    zones: zoneIndex({ folder, host }),
    monitor: zoneMonitor({ folder, run, log }),
  };
  return driverOn(ground, options.images);
}

/** The parts as one driver. */
function driverOn(ground: Ground, images: string | undefined): HypervisorDriver {
  const watches = keptWatches((listener, onBreak, signal) => watchGuests(ground, listener, onBreak, signal));
  return {
    kind: 'lxc',
    uri: `lxc:${ground.folder}`,
    listGuests: (signal) => listGuests(ground, signal),
    readGuest: (id, signal) => readGuest(ground, id, signal),
    readHost: (signal) => readHost(ground, signal),
    startGuest: (id, { paused, params = [] }, signal) => startGuest(ground, id, { paused, params }, signal),
    readParams: (id, signal) => readParams(ground, id, signal),
    shutdownGuest: (id, _, signal) => shutdownGuest(ground, id, signal),
    poweroffGuest: (id, signal) => poweroffGuest(ground, id, signal),
    rebootGuest: (id, signal) => rebootGuest(ground, id, signal),
    suspendGuest: (id, signal) => suspendGuest(ground, id, signal),
    resumeGuest: (id, signal) => resumeGuest(ground, id, signal),
    defineGuest: (definition, { replace }, signal) => defineGuest(ground, definition, replace, signal),
    definitionOf: (form) => definitionOfForm(form, ground),
    nameIn: (definition) => nameIn(checkedConfig(definition)),
    ...(images === undefined ? {} : { createGuest: (recipe, work) => createGuest(ground, images, recipe, work) }),
    cloneGuest: (id, as, work) => cloneGuest(ground, id, as, work),
    runProgram: (id, program, signal) => runProgram(ground, id, program, signal),
    listSnapshots: (id) => listSnapshots(ground, id),
    takeSnapshot: (id, name, work) => takeSnapshot(ground, id, name, work),
    revertSnapshot: (id, name, work) => revertSnapshot(ground, id, name, work),
    deleteSnapshot: (id, name, work) => deleteSnapshot(ground, id, name, work),
    deleteGuest: (id, signal) => deleteGuest(ground, id, signal),
    readDefinition: (id) => readDefinition(ground, id),
    setGuest: (id, change, signal) => setGuest(ground, id, change, signal),
    setAutostart: (id, enabled, signal) => setAutostart(ground, id, enabled, signal),
    listNics: (id, signal) => listNics(ground, id, signal),
    attachNic: (id, nic, signal) => attachNic(ground, id, nic, signal),
    detachNic: (id, mac, signal) => detachNic(ground, id, mac, signal),
    readStats: (id, signal) => readStats(ground, id, signal),
    readAddresses: (id, signal) => readAddresses(ground, id, signal),
    watch: watches.watch,
    openConsole: (id, signal) => openConsole(ground, id, signal),
    readConsoleLog: (id, bytesMax, signal) => readConsoleLog(ground, id, bytesMax, signal),
    examine: (signal) => examine(ground, signal),
    close: async () => {
      await watches.stop();
      await ground.monitor.close();
    },
  };
}
