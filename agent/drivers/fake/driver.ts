import { totalmem } from 'node:os';
import type { DriverGuest, GuestChange, GuestChanged, GuestId, HypervisorDriver } from '#agent/drivers/driver.ts';
import type { Clock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import { type GuestState, isActive } from '#shared/model/guest.ts';
import { checkedDefinition, definitionOfForm, definitionText, parseDefinition } from './definition.ts';
import type { FakeGuest } from './guest.ts';
import { attachNic, detachNic, nicsOf } from './nics.ts';
import type { FakeWorld } from './world.ts';

export interface FakeDriverOptions {
  world: FakeWorld;
  /** The host's name, for messages. */
  host?: string;
  /** How long each change takes; it takes effect in the middle. */
  changeMs?: number;
}

const CPUS = 8;

/**
 * A driver whose guests are in memory: for trying Skerry out without a hypervisor, for tests, and for scale.
 *
 * It keeps the same contract as the real ones (test/contract/driver-contract.ts).
 */
export function fakeDriver({ world, host = 'this host', changeMs = 0 }: FakeDriverOptions): HypervisorDriver {
  const found = (id: GuestId): FakeGuest => {
    const guest = world.find(id);
    if (!guest) throw new Failure('guest-not-found', { guest: id.slice(0, 64), host });
    return guest;
  };
  const read = async <T>(signal: AbortSignal, answer: () => T): Promise<T> => {
    signal.throwIfAborted();
    world.reach();
    return answer();
  };
  const change = async <T>(signal: AbortSignal, act: () => T): Promise<T> => {
    signal.throwIfAborted();
    if (changeMs > 0) await pause(world.clock, changeMs / 2, signal);
    world.reach();
    const value = act();
    if (changeMs > 0) await pause(world.clock, changeMs / 2, signal);
    return value;
  };
  const act = (
    verb: string,
    needed: readonly GuestState[],
    id: GuestId,
    signal: AbortSignal,
    what: (guest: FakeGuest) => void,
  ) =>
    change(signal, () => {
      const guest = found(id);
      requireState(guest, verb, needed);
      what(guest);
    });

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
    resumeGuest: (id, signal) => act('guest.resume', ['paused'], id, signal, (guest) => guest.resume()),
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
    examine: (signal) =>
      read(signal, () => [{ check: 'hypervisor', verdict: 'warning' as const, found: 'fake: no guest of it is real' }]),
    close: watches.close,
  };
}

const pause = (clock: Clock, ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const callOff = clock.after(ms, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    const onAbort = (): void => {
      callOff();
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });

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

const OFF: readonly GuestState[] = ['shutoff', 'crashed'];
const ON: readonly GuestState[] = ['running', 'blocked'];
const ACTIVE: readonly GuestState[] = ['running', 'blocked', 'paused', 'shutdown', 'pmsuspended', 'crashed'];

function requireState({ record }: FakeGuest, verb: string, needed: readonly GuestState[]): void {
  const { state, definition } = record;
  if (needed.includes(state)) return;
  throw new Failure('guest-wrong-state', { guest: definition.name, state, needed: needed[0], verb });
}

function driverGuestOf({ record }: FakeGuest): DriverGuest {
  const { id, definition, state, reason, autostart, live } = record;
  const { name, title } = definition;
  return {
    id,
    name,
    state,
    ...(reason === undefined ? {} : { reason }),
    vcpus: live?.vcpus ?? definition.vcpus,
    memoryMiB: live?.memoryMiB ?? definition.memoryMiB,
    autostart,
    persistent: true,
    ...(title === undefined ? {} : { title }),
  };
}

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
