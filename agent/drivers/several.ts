/**
 * Several drivers as one: a host may have virtual machines and zones.
 *
 * Theory of operation: a guest is of one of them, by its id, which is learned from every guest that one of them tells of; an id
 * that is not known is looked for at each. What has no guest yet (definitions, images) goes to the one that is named
 * (`partNamed`), else to the first that can.
 *
 * A method is there where one of them has it. Asked of a guest whose own driver has not, it is refused.
 */
import { Failure } from '#shared/errors.ts';
import type { DriverGuest, DriverHost, DriverName, GuestId, HypervisorDriver, Watch, Work } from './driver.ts';

/** @param host its name, for messages */
export function severalDrivers(drivers: ReadonlyMap<DriverName, HypervisorDriver>, host: string): HypervisorDriver {
  const owners = new Map<GuestId, HypervisorDriver>();
  const parts = new Map(
    Array.from(drivers, ([name, driver]) => {
      const part: HypervisorDriver = telling(driver, name, (id) => owners.set(id, part));
      return [name, part] as const;
    }),
  );
  const all = [...parts.values()];
  const [first] = all;
  if (!first) throw new Error('a host has a driver at least');
  const routed = routing(all, (id, signal) => ownerOf(owners, all, id, signal), host);
  const able = all.find((part) => part.createGuest);

  return {
    kind: [...parts.keys()].join(' and '),
    uri: all.map(({ uri }) => uri).join(', '),
    parts,
    listGuests: async (signal) => (await Promise.all(all.map((part) => part.listGuests(signal)))).flat(),
    readHost: async (signal) => hostOf(await Promise.all(all.map((part) => part.readHost(signal)))),
    definitionOf: first.definitionOf,
    ...(first.nameIn ? { nameIn: first.nameIn } : {}),
    defineGuest: first.defineGuest,
    ...(able?.createGuest ? { createGuest: able.createGuest } : {}),
    ...routed,
    ...arriving(all),
    watch: (listener, onBreak, signal) => watchAll(all, listener, onBreak, signal),
    close: async () => {
      await Promise.all(all.map((part) => part.close()));
    },
  };
}

/** A guest that comes from elsewhere goes to the first that takes any; how it ends is asked of each: whoever has it knows. */
function arriving(all: readonly HypervisorDriver[]): Pick<HypervisorDriver, 'awaitGuest' | 'landGuest'> {
  const able = all.find((part) => part.awaitGuest);
  if (!able?.awaitGuest) return {};
  return {
    awaitGuest: able.awaitGuest,
    landGuest: async (id, landed, signal) => {
      const taking = all.filter((part) => part.landGuest);
      const ends = await Promise.allSettled(taking.map((part) => part.landGuest?.(id, landed, signal)));
      const problems = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []));
      const problem = problems.find((each) => !isAbsence(each)) ?? problems[0];
      if (problem !== undefined && (!isAbsence(problem) || problems.length === ends.length)) throw problem;
    },
  };
}

/** The machine, as each of them tells it. */
export function hostOf(hosts: readonly DriverHost[]): DriverHost {
  const cpuModel = hosts.find((host) => host.cpuModel)?.cpuModel;
  return {
    cpus: Math.max(...hosts.map(({ cpus }) => cpus)),
    memoryMiB: Math.max(...hosts.map(({ memoryMiB }) => memoryMiB)),
    hypervisor: hosts.map(({ hypervisor }) => hypervisor).join(' and '),
    ...(cpuModel === undefined ? {} : { cpuModel }),
  };
}

/** A driver whose guests say what it is called here, and are told of. */
function telling(driver: HypervisorDriver, name: DriverName, told: (id: GuestId) => void): HypervisorDriver {
  const own = (guest: DriverGuest): DriverGuest => {
    told(guest.id);
    return { ...guest, driver: name };
  };
  const { createGuest, cloneGuest } = driver;
  return {
    ...driver,
    kind: name,
    listGuests: async (signal) => (await driver.listGuests(signal)).map(own),
    readGuest: async (id, signal) => own(await driver.readGuest(id, signal)),
    defineGuest: async (definition, options, signal) => own(await driver.defineGuest(definition, options, signal)),
    ...(createGuest ? { createGuest: async (recipe, work) => own(await createGuest(recipe, work)) } : {}),
    ...(cloneGuest ? { cloneGuest: async (id, as, work) => own(await cloneGuest(id, as, work)) } : {}),
  };
}

/** @throws Failure guest-not-found, or why one of them could not be asked */
async function ownerOf(
  owners: ReadonlyMap<GuestId, HypervisorDriver>,
  all: readonly HypervisorDriver[],
  id: GuestId,
  signal: AbortSignal,
): Promise<HypervisorDriver> {
  const known = owners.get(id);
  if (known) return known;
  const looked = await Promise.allSettled(all.map((part) => part.readGuest(id, signal)));
  const found = all[looked.findIndex(({ status }) => status === 'fulfilled')];
  if (found) return found;
  const problems = looked.flatMap((look) => (look.status === 'rejected' ? [look.reason as unknown] : []));
  throw problems.find((problem) => !isAbsence(problem)) ?? problems[0];
}

const isAbsence = (problem: unknown): boolean => problem instanceof Failure && problem.code === 'guest-not-found';

/** What is asked of one guest, and the verb that a refusal names. */
const OF_ONE_GUEST = {
  readGuest: 'guest.info',
  startGuest: 'guest.start',
  readParams: 'guest.params',
  shutdownGuest: 'guest.shutdown',
  poweroffGuest: 'guest.poweroff',
  rebootGuest: 'guest.reboot',
  suspendGuest: 'guest.suspend',
  resumeGuest: 'guest.resume',
  deleteGuest: 'guest.delete',
  cloneGuest: 'guest.clone',
  readDefinition: 'guest.definition',
  setGuest: 'guest.set',
  setAutostart: 'guest.autostart',
  listNics: 'nic.list',
  attachNic: 'nic.attach',
  detachNic: 'nic.detach',
  readStats: 'guest.stats',
  readAddresses: 'guest.info',
  openConsole: 'console.read',
  readConsoleLog: 'console.read',
  pingGuestAgent: 'a ping of a guest agent',
  runProgram: 'guest.exec',
  listSnapshots: 'snapshot.list',
  takeSnapshot: 'snapshot.take',
  revertSnapshot: 'snapshot.revert',
  deleteSnapshot: 'snapshot.delete',
  offerGuest: 'guest.migrate',
  migrateGuest: 'guest.migrate',
  recallGuest: 'guest.migrate',
} as const satisfies Partial<Record<keyof HypervisorDriver, string>>;
type OfOneGuest = keyof typeof OF_ONE_GUEST;

type Asked = (id: GuestId, ...rest: unknown[]) => Promise<unknown>;

/** What a guest has nothing of, because its driver has no way to it. */
const NOTHING: Partial<Record<OfOneGuest, (id: GuestId) => unknown>> = {
  readAddresses: () => [],
  readConsoleLog: () => new Uint8Array(),
  openConsole: (guest) => {
    throw new Failure('console-missing', { guest });
  },
};

/** Each method that one of them has, which asks the driver that the guest is of. */
function routing(
  all: readonly HypervisorDriver[],
  ownerOf: (id: GuestId, signal: AbortSignal) => Promise<HypervisorDriver>,
  host: string,
): Pick<HypervisorDriver, OfOneGuest> {
  const route =
    (method: OfOneGuest, verb: string): Asked =>
    async (id, ...rest) => {
      const last = rest.at(-1) as AbortSignal | Work;
      const owner = await ownerOf(id, last instanceof AbortSignal ? last : last.signal);
      const own = owner[method] as Asked | undefined;
      if (own) return own(id, ...rest);
      const nothing = NOTHING[method];
      if (nothing) return nothing(id);
      throw new Failure('verb-unsupported', { driver: owner.kind, host, verb });
    };
  const methods = Object.entries(OF_ONE_GUEST) as [OfOneGuest, string][];
  return Object.fromEntries(
    methods
      .filter(([method]) => all.some((part) => part[method]))
      .map(([method, verb]) => [method, route(method, verb)]),
  ) as unknown as Pick<HypervisorDriver, OfOneGuest>;
}

/** Watch all of them: when one breaks, all are to be watched anew, and so all of them end. */
async function watchAll(
  all: readonly HypervisorDriver[],
  listener: Parameters<HypervisorDriver['watch']>[0],
  onBreak: (problem: Error) => void,
  signal: AbortSignal,
): Promise<Watch> {
  const watches: Watch[] = [];
  let isOver = false;
  const stop = async (): Promise<void> => {
    isOver = true;
    await Promise.all(watches.map((watch) => watch.stop()));
  };
  const broke = (problem: Error): void => {
    if (isOver) return;
    // It is to be watched anew also where an old watch does not end well.
    void stop()
      .catch(() => {})
      .then(() => onBreak(problem));
  };
  try {
    for (const part of all) watches.push(await part.watch(listener, broke, signal));
  } catch (error) {
    await stop();
    throw error;
  }
  // One broke before the last began.
  if (isOver) await stop();
  return { stop };
}
