import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import type { Migrating } from '#agent/drivers/migration.ts';
import { keptWatches } from '#agent/drivers/watches.ts';
import { run } from '#agent/exec/run.ts';
import { runToEnd } from '#agent/exec/run-to-end.ts';
import type { GuestForm } from '#shared/model/guest.ts';
import { turns } from '#shared/turns.ts';
import { runByAgent } from './agent-programs.ts';
import { parametersIn } from './boot-parameters.ts';
import { parseCapabilities } from './capabilities.ts';
import { cloneGuest } from './cloning.ts';
import { openConsole, readConsoleLog } from './console.ts';
import { watchAndFinish } from './container-links.ts';
import { createGuest, type MakingPlace } from './creating.ts';
import { defineGuest, deleteGuest, readDefinition, removeFiles, setAutostart, setGuest } from './defining.ts';
import { examine } from './examine.ts';
import type { Ground } from './ground.ts';
import { pingGuestAgent } from './guest-agent.ts';
import { awaitGuest, landGuest } from './migration/arriving.ts';
import { offerOf } from './migration/offer.ts';
import { migrateGuest, recallGuest } from './migration/sending.ts';
import { runInNamespaces } from './namespace-programs.ts';
import { attachNic, detachNic, listNics } from './nics.ts';
import { poweroffGuest, rebootGuest, resumeGuest, shutdownGuest, suspendGuest } from './power.ts';
import { listGuests, readAddresses, readGuest, readHost, readStats, readXml } from './reading.ts';
import { definitionOfForm } from './short-form.ts';
import { deleteSnapshot, listSnapshots, revertSnapshot, takeSnapshot } from './snapshots.ts';
import { startGuest } from './starting.ts';
import { hypervisorOf } from './uri.ts';
import { virsh as openVirsh } from './virsh.ts';
import { watchEvents } from './watch.ts';

export interface LibvirtOptions {
  /** `qemu:///system` and its like. */
  uri: string;
  log: Ground['log'];
  /** A folder of the agent's; the driver makes one of its own in it, which only its user can read. */
  stateFolder: string;
  /** The host's name, for messages; without it they name the URI. */
  host?: string;
  /** Where the hypervisor's files are seen from here, if it has a mount namespace of its own: `/proc/PID/root`. */
  root?: string;
  /** Where the hypervisor writes the consoles of guests from the short form. */
  consoleFolder?: string;
  /** Folder of images that guests can be created from; without it none can. */
  images?: string;
  /** Where disks, or roots, of new guests go; without it, the hypervisor's usual place. */
  diskFolder?: string;
}

const CAPABILITIES_MS_MAX = 20_000;

/**
 * The driver of whatever libvirt drives, through virsh.
 *
 * It is made also while libvirt does not answer, and answers itself as soon as libvirt does.
 * @throws Failure config-invalid for a URI that is none of ours
 */
export async function libvirtDriver(options: LibvirtOptions): Promise<HypervisorDriver> {
  const { uri, log } = options;
  const hypervisor = hypervisorOf(uri);
  const stateFolder = join(options.stateFolder, 'libvirt');
  await mkdir(stateFolder, { recursive: true });
  await chmod(stateFolder, 0o700);
  await removeFiles(stateFolder);
  const host = options.host ?? uri;
  const virsh = openVirsh(uri, host);
  const known = capabilitiesOnce(virsh, log);
  const ground: Ground = {
    uri,
    virsh,
    hypervisor,
    log,
    stateFolder,
    root: options.root ?? '',
    host,
    capabilities: known.ask,
    ...{ run, runToEnd },
    inTurn: turns(),
  };
  await known.ask(AbortSignal.timeout(CAPABILITIES_MS_MAX)).catch((error: unknown) => {
    log.warn({ uri, err: error }, 'libvirt does not answer yet');
  });
  const { images, diskFolder = hypervisor.diskFolder } = options;
  const consoleFolder = options.consoleFolder ?? hypervisor.consoleFolder ?? '';
  const definitionOf = (form: GuestForm): string =>
    definitionOfForm(form, { hypervisor, consoleFolder, diskFolder, domainTypes: known.now()?.domainTypes });
  return {
    ...driverOn(ground, definitionOf),
    ...(hypervisor.hasDiskFiles ? making(ground, { images, diskFolder, definitionOf }) : {}),
    ...(hypervisor.snapshots ? snapshots(ground) : {}),
    ...inside(ground),
    ...consoles(ground),
    ...(hypervisor.migrates ? migrating(ground, diskFolder) : {}),
  };
}

/** How a guest comes to be of something else than a definition. */
const making = (
  ground: Ground,
  { images, diskFolder, definitionOf }: Omit<MakingPlace, 'imageFolder'> & { images: string | undefined },
): Pick<HypervisorDriver, 'createGuest' | 'cloneGuest'> => ({
  cloneGuest: (id, as, work) => cloneGuest(ground, diskFolder, id, as, work),
  ...(images !== undefined && ground.hypervisor.shortForm.takesImages
    ? {
        createGuest: (recipe, work) =>
          createGuest(ground, { imageFolder: images, diskFolder, definitionOf }, recipe, work),
      }
    : {}),
});

const snapshots = (
  ground: Ground,
): Pick<HypervisorDriver, 'listSnapshots' | 'takeSnapshot' | 'revertSnapshot' | 'deleteSnapshot'> => ({
  listSnapshots: (id, signal) => listSnapshots(ground, id, signal),
  takeSnapshot: (id, name, work) => takeSnapshot(ground, id, name, work),
  revertSnapshot: (id, name, work) => revertSnapshot(ground, id, name, work),
  deleteSnapshot: (id, name, work) => deleteSnapshot(ground, id, name, work),
});

const migrating = (ground: Ground, diskFolder: string): Migrating => ({
  offerGuest: async (id, signal) => JSON.stringify(await offerOf(ground, id, signal)),
  awaitGuest: (coming, signal) => awaitGuest(ground, diskFolder, coming, signal),
  migrateGuest: (id, to, work) => migrateGuest(ground, id, to, work),
  recallGuest: (id, signal) => recallGuest(ground, id, signal),
  landGuest: (id, landed, signal) => landGuest(ground, id, landed, signal),
});

/** What is done and asked inside a guest. */
const inside = (ground: Ground): Pick<HypervisorDriver, 'pingGuestAgent' | 'runProgram' | 'readAddresses'> => ({
  ...(ground.hypervisor.hasAgent ? { pingGuestAgent: (id, signal) => pingGuestAgent(ground, id, signal) } : {}),
  ...(ground.hypervisor.addressSources ? { readAddresses: (id, signal) => readAddresses(ground, id, signal) } : {}),
  ...runningPrograms(ground),
});

const RUN = { agent: runByAgent, namespaces: runInNamespaces };
function runningPrograms(ground: Ground): Pick<HypervisorDriver, 'runProgram'> {
  const by = ground.hypervisor.runsPrograms;
  return by ? { runProgram: (id, program, signal) => RUN[by](ground, id, program, signal) } : {};
}

const consoles = (ground: Ground): Pick<HypervisorDriver, 'openConsole' | 'readConsoleLog'> => {
  const { console: kind } = ground.hypervisor;
  return {
    ...(kind === 'none' ? {} : { openConsole: (id, signal) => openConsole(ground, id, signal) }),
    ...(kind === 'kept'
      ? { readConsoleLog: (id, bytesMax, signal) => readConsoleLog(ground, id, bytesMax, signal) }
      : {}),
  };
};

/** The parts as one driver. */
function driverOn(ground: Ground, definitionOf: HypervisorDriver['definitionOf']): HypervisorDriver {
  const begin = ground.hypervisor.isContainer ? watchAndFinish : watchEvents;
  const watches = keptWatches((listener, onBreak, signal) => begin(ground, listener, onBreak, signal));
  return {
    kind: 'libvirt',
    uri: ground.uri,
    listGuests: async (signal) => {
      await ground.capabilities(signal); // so that they are known for definitions
      return listGuests(ground, signal);
    },
    readGuest: (id, signal) => readGuest(ground, id, signal),
    readHost: (signal) => readHost(ground, signal),
    startGuest: (id, { paused, params = [] }, signal) => startGuest(ground, id, paused, params, signal),
    readParams: async (id, signal) => parametersIn(await readXml(ground, id, signal)),
    shutdownGuest: (id, { again }, signal) => shutdownGuest(ground, id, again, signal),
    poweroffGuest: (id, signal) => poweroffGuest(ground, id, signal),
    rebootGuest: (id, signal) => rebootGuest(ground, id, signal),
    suspendGuest: (id, signal) => suspendGuest(ground, id, signal),
    resumeGuest: (id, signal) => resumeGuest(ground, id, signal),
    defineGuest: (definition, { replace }, signal) => defineGuest(ground, definition, replace, signal),
    definitionOf,
    deleteGuest: (id, signal) => deleteGuest(ground, id, signal),
    readDefinition: (id, signal) => readDefinition(ground, id, signal),
    setGuest: (id, change, signal) => setGuest(ground, id, change, signal),
    setAutostart: (id, enabled, signal) => setAutostart(ground, id, enabled, signal),
    listNics: (id, signal) => listNics(ground, id, signal),
    attachNic: (id, nic, signal) => attachNic(ground, id, nic, signal),
    detachNic: (id, mac, signal) => detachNic(ground, id, mac, signal),
    readStats: (id, signal) => readStats(ground, id, signal),
    watch: watches.watch,
    examine: (signal) => examine(ground, signal),
    close: async () => {
      await watches.stop();
      await ground.virsh.close();
    },
  };
}

/** What the host can do does not change under way: it is asked until there is an answer. */
function capabilitiesOnce(virsh: Ground['virsh'], log: Ground['log']) {
  let found: ReturnType<typeof parseCapabilities> | undefined;
  return {
    now: () => found,
    ask: async (signal: AbortSignal) => {
      if (!found) {
        found = parseCapabilities(await virsh.read(['capabilities'], signal));
        log.info({ domainTypes: [...found.domainTypes], arch: found.arch }, 'libvirt answers');
      }
      return found;
    },
  };
}
