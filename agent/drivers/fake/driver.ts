import { totalmem } from 'node:os';
import type { DriverGuest, GuestChange, GuestChanged, HypervisorDriver, Work } from '#agent/drivers/driver.ts';
import { imageIn } from '#agent/images/folder.ts';
import { Failure } from '#shared/errors.ts';
import { type GuestRecipe, isActive } from '#shared/model/guest.ts';
import { checkedDefinition, definitionOfForm, definitionText, parseDefinition } from './definition.ts';
import { ACTIVE, type Ground, groundOf, OFF, ON, requireLanded, requireState } from './ground.ts';
import { driverGuestOf, type FakeGuest } from './guest.ts';
import { cloneGuest, createGuest } from './making.ts';
import { migrating } from './migrating.ts';
import { attachNic, detachNic, nicsOf } from './nics.ts';
import { runProgram } from './programs.ts';
import { deleteSnapshot, revertSnapshot, snapshotsOf, takeSnapshot } from './snapshots.ts';
import type { FakeWorld } from './world.ts';

export interface FakeDriverOptions {
  world: FakeWorld;
  /** The host's name, for messages. */
  host?: string;
  /** How long each change takes; it takes effect in the middle. */
  changeMs?: number;
  /** Folder of images that guests can be made of; without it none can. */
  images?: string;
}

const CPUS = 8;

/**
 * A driver whose guests are in memory: for trying Skerry out without a hypervisor, for tests, and for scale.
 *
 * It keeps the same contract as the real ones (test/contract/driver-contract.ts).
 */
export function fakeDriver({ world, host = 'this host', changeMs = 0, images }: FakeDriverOptions): HypervisorDriver {
  const ground = groundOf({ world, host, changeMs });
  const { found, read, change, act } = ground;
  const watches = watchesOf(world);
  return {
    kind: 'fake',
    uri: 'fake:///',
    listGuests: (signal) => read(signal, () => world.guests().map(driverGuestOf)),
    readGuest: (id, signal) => read(signal, () => driverGuestOf(found(id))),
    readHost: (signal) =>
      read(signal, () => ({ cpus: CPUS, memoryMiB: Math.floor(totalmem() / 2 ** 20), hypervisor: 'Fake 1.0' })),
    startGuest: (id, { paused, params = [] }, signal) =>
      act('guest.start', OFF, id, signal, (guest) => guest.start(paused, params)),
    readParams: (id, signal) => read(signal, () => [...(found(id).record.live?.params ?? [])]),
    shutdownGuest: (id, _, signal) => act('guest.shutdown', ON, id, signal, (guest) => guest.askShutdown()),
    poweroffGuest: (id, signal) => act('guest.poweroff', ACTIVE, id, signal, (guest) => guest.poweroff()),
    rebootGuest: (id, signal) => act('guest.reboot', ON, id, signal, (guest) => guest.askReboot()),
    suspendGuest: (id, signal) => act('guest.suspend', ON, id, signal, (guest) => guest.suspend()),
    resumeGuest: (id, signal) =>
      act('guest.resume', ['paused'], id, signal, (guest) => {
        requireLanded(guest, 'guest.resume');
        guest.resume();
      }),
    defineGuest: (definition, { replace }, signal) =>
      change(signal, () => driverGuestOf(define(world, host, definition, replace))),
    definitionOf: definitionOfForm,
    nameIn: (definition) => parseDefinition(definition).name,
    deleteGuest: (id, signal) => act('guest.delete', OFF, id, signal, (guest) => world.remove(guest)),
    readDefinition: (id, signal) => read(signal, () => definitionText(found(id).record.definition)),
    setGuest: (id, wanted, signal) => change(signal, () => setGuest(world, found(id), wanted)),
    setAutostart: (id, enabled, signal) =>
      change(signal, () => {
        const guest = found(id);
        guest.record.autostart = enabled;
        world.changed('autostart', guest, { what: 'changed', detail: 'autostart' });
      }),
    listNics: (id, signal) => read(signal, () => nicsOf(found(id).record)),
    attachNic: (id, nic, signal) => change(signal, () => attachNic(world, found(id), nic)),
    detachNic: (id, mac, signal) => change(signal, () => detachNic(world, found(id), mac)),
    readStats: (id, signal) => read(signal, () => statsOf(found(id), world.clock.now())),
    readAddresses: (id, signal) =>
      read(signal, () => {
        const guest = found(id);
        return guest.isUp() ? [...guest.record.definition.addresses] : [];
      }),
    watch: watches.watch,
    openConsole: (id, signal) =>
      read(signal, () => {
        const { record, serial } = found(id);
        const { name, hasConsole } = record.definition;
        if (!hasConsole) throw new Failure('console-missing', { guest: name });
        if (!isActive(record.state)) throw new Failure('console-closed', { guest: name, state: record.state });
        return serial.open();
      }),
    readConsoleLog: (id, bytesMax, signal) => read(signal, () => found(id).serial.history(bytesMax)),
    pingGuestAgent: (id, signal) =>
      read(signal, () => {
        const guest = found(id);
        requireState(guest, 'guest.info', ON);
        if (guest.isUp()) return;
        throw new Failure('guest-agent-silent', { guest: guest.record.definition.name, problem: 'it still boots' });
      }),
    ...making(ground, images),
    ...snapshots(ground),
    ...migrating(ground),
    runProgram: async (id, program, signal) => {
      const guest = await read(signal, () => found(id));
      requireState(guest, 'guest.exec', ON);
      return runProgram(guest, program, world.clock, signal);
    },
    examine: (signal) =>
      read(signal, () => [{ check: 'hypervisor', verdict: 'warning' as const, found: 'fake: no guest of it is real' }]),
    close: watches.close,
  };
}

/** Who watches, and how all of it ends. */
function watchesOf(world: FakeWorld): Pick<HypervisorDriver, 'watch' | 'close'> {
  const stops = new Set<() => void>();
  return {
    watch: async (listener, onBreak, signal) => {
      signal.throwIfAborted();
      world.reach();
      const stop = world.listen(listener, onBreak);
      stops.add(stop);
      return {
        stop: async () => {
          stops.delete(stop);
          stop();
        },
      };
    },
    close: async () => {
      for (const stop of stops) stop();
      stops.clear();
    },
  };
}

/** How a guest comes to be of something else than a definition. */
function making(
  { world, host, found, change }: Ground,
  images: string | undefined,
): Pick<HypervisorDriver, 'createGuest' | 'cloneGuest'> {
  const create = async (folder: string, recipe: GuestRecipe, { signal, progress }: Work): Promise<DriverGuest> => {
    const image = await imageIn(folder, recipe.image, host);
    progress(`made of ${image.name}`);
    return change(signal, () => driverGuestOf(createGuest(world, host, recipe, image)));
  };
  return {
    ...(images === undefined ? {} : { createGuest: (recipe, work) => create(images, recipe, work) }),
    cloneGuest: (id, { name }, { signal }) =>
      change(signal, () => {
        const guest = found(id);
        requireState(guest, 'guest.clone', OFF);
        return driverGuestOf(cloneGuest(world, host, guest, name));
      }),
  };
}

const snapshots = ({
  world,
  found,
  read,
  change,
}: Ground): Pick<HypervisorDriver, 'listSnapshots' | 'takeSnapshot' | 'revertSnapshot' | 'deleteSnapshot'> => ({
  listSnapshots: (id, signal) => read(signal, () => snapshotsOf(found(id))),
  takeSnapshot: (id, name, { signal }) => change(signal, () => takeSnapshot(world, found(id), name)),
  revertSnapshot: (id, name, { signal }) => change(signal, () => revertSnapshot(found(id), name)),
  deleteSnapshot: (id, name, { signal }) => change(signal, () => deleteSnapshot(world, found(id), name)),
});

function define(world: FakeWorld, host: string, text: string, replace: boolean): FakeGuest {
  const definition = parseDefinition(text);
  const namesake = world.named(definition.name);
  const twin = definition.id === undefined ? undefined : world.find(definition.id);
  const taken = namesake ?? twin;
  if (taken && !replace) throw new Failure('guest-exists', { guest: taken.record.definition.name, host });
  if (twin && twin !== namesake) {
    throw new Failure('guest-definition', { problem: `its id is that of the guest ${twin.record.definition.name}` });
  }
  return world.define({ ...definition, ...(namesake ? { id: namesake.record.id } : {}) });
}

/** The number of vCPUs holds from the next start; memory at once, up to what the guest began with. */
function setGuest(world: FakeWorld, guest: FakeGuest, wanted: GuestChange): GuestChanged[] {
  const { record } = guest;
  const {
    title = record.definition.title,
    vcpus = record.definition.vcpus,
    memoryMiB = record.definition.memoryMiB,
  } = wanted;
  const settings = (['vcpus', 'memoryMiB', 'title'] as const).filter((key) => wanted[key] !== undefined);
  if (settings.length === 0) return [];
  const { title: _, ...rest } = record.definition;
  const definition = checkedDefinition({ ...rest, vcpus, memoryMiB, ...(title ? { title } : {}) });
  const fits = !record.live || memoryMiB <= record.live.memoryMiB;
  const holds = { title: true, vcpus: !record.live, memoryMiB: fits };
  record.definition = definition;
  if (record.live && fits) record.live.memoryMiB = memoryMiB;
  world.changed('set', guest, { what: 'defined', detail: 'Updated' });
  return settings.map((setting) => ({
    setting,
    value: String(wanted[setting]),
    holds: holds[setting] ? 'now' : 'from the next start',
  }));
}

function statsOf({ record }: FakeGuest, nowMs: number) {
  const { definition, state, startedAtMs, live } = record;
  const base = { name: definition.name, state };
  if (!live || startedAtMs === undefined) return base;
  const upS = Math.max(0, (nowMs - startedAtMs) / 1000);
  return {
    ...base,
    cpuTimeS: Math.round(upS * 10) / 1000,
    memoryActualMiB: live.memoryMiB,
    memoryRssMiB: Math.floor(live.memoryMiB / 2),
    blockReadBytes: Math.floor(upS) * 4096,
    blockWriteBytes: Math.floor(upS) * 512,
    netReceiveBytes: Math.floor(upS) * 1500,
    netTransmitBytes: Math.floor(upS) * 600,
  };
}
