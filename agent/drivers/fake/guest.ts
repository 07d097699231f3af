import type { DriverGuest, GuestEvent } from '#agent/drivers/driver.ts';
import type { Clock } from '#shared/clock.ts';
import type { BootParameter } from '#shared/model/boot-parameter.ts';
import { isActive } from '#shared/model/guest.ts';
import { type FakeSerial, fakeSerial } from './serial.ts';
import type { ShellPlace } from './shell.ts';
import type { FakeRecord, FakeSnapshot } from './store.ts';

/** An event, but for whose it is. */
type Told = Omit<GuestEvent, 'name' | 'id'>;

/** What a guest of the fake hypervisor asks of it. */
export interface GuestGround {
  clock: Clock;
  bootMs: number;
  shutdownMs: number;
  /** It changed: write it down, and tell those who watch. `did` is what made it so. */
  changed(did: string, record: FakeRecord, event: Told): void;
  told(record: FakeRecord, event: Told): void;
}

/** One guest: a record that outlives the agent, and what is going on in it. */
export interface FakeGuest {
  readonly record: FakeRecord;
  readonly serial: FakeSerial;
  readonly place: ShellPlace;
  isUp(): boolean;
  start(paused: boolean, params?: readonly BootParameter[]): void;
  /** Ask it; a guest that is still booting, or that does not hear, does nothing. */
  askShutdown(): void;
  askReboot(): void;
  poweroff(): void;
  suspend(): void;
  resume(): void;
  crash(): void;
  /** Be as this snapshot has it. */
  revert(to: FakeSnapshot): void;
  /** Take the record on as it is: it goes on where it was when the agent ended. */
  goOn(): void;
  stopTimers(): void;
}

export function fakeGuest(record: FakeRecord, ground: GuestGround): FakeGuest {
  const { clock } = ground;
  const { later, stopTimers } = timersOf(clock);
  const upInMs = (): number => (record.startedAtMs ?? 0) + ground.bootMs - clock.now();
  const isUp = (): boolean => record.state === 'running' && upInMs() <= 0;

  const boot = (): void => {
    serial.silence();
    serial.print(`Fake firmware\n[    0.000000] ${record.definition.name} boots\n`);
    later(Math.max(0, upInMs()), cameUp);
  };
  const cameUp = (): void => {
    if (record.state !== 'running') return;
    serial.prompt();
    ground.told(record, { what: 'agent', detail: 'connected' });
  };
  const off = (did: string, state: 'shutoff' | 'crashed', event: Told, reason: string): void => {
    stopTimers();
    end(record, state, reason);
    ground.changed(did, record, event);
    serial.hangUp();
  };
  const goDown = (): void => {
    serial.print('[down] System halted\n');
    off('stop', 'shutoff', { what: 'stopped', state: 'shutoff', detail: 'Shutdown' }, 'shutdown');
  };
  const restart = (): void => {
    stopTimers();
    record.startedAtMs = clock.now();
    delete record.stopsAtMs;
    ground.changed('restart', record, { what: 'changed', detail: 'Reboot' });
    boot();
  };
  const halt = (): void => {
    record.stopsAtMs = clock.now() + ground.shutdownMs;
    serial.silence();
    later(ground.shutdownMs, goDown);
  };

  const place = placeOf(record, clock, { poweroff: halt, reboot: restart, crash: () => crash() });
  const serial = fakeSerial(place);
  const crash = (): void => {
    serial.print('Kernel panic\n');
    off('crash', 'crashed', { what: 'crashed', state: 'crashed', detail: 'Panicked' }, 'panicked');
  };

  return {
    record,
    serial,
    place,
    isUp,
    stopTimers,
    crash,
    start(paused, params = []) {
      begin(record, paused, params, clock.now());
      ground.changed('start', record, { what: 'started', state: record.state, detail: 'Booted' });
      boot();
    },
    askShutdown() {
      if (!isUp() || !record.definition.hearsShutdown || record.stopsAtMs !== undefined) return;
      ground.changed('ask', record, { what: 'changed', detail: 'asked to shut down' });
      serial.print('\nThe system is going down.\n');
      halt();
    },
    askReboot() {
      if (isUp()) restart();
    },
    poweroff: () => off('poweroff', 'shutoff', { what: 'stopped', state: 'shutoff', detail: 'Destroyed' }, 'destroyed'),
    suspend() {
      record.state = 'paused';
      record.reason = 'user';
      ground.changed('suspend', record, { what: 'suspended', state: 'paused', detail: 'Paused' });
    },
    resume() {
      record.state = 'running';
      record.reason = 'unpaused';
      ground.changed('resume', record, { what: 'resumed', state: 'running', detail: 'Unpaused' });
      if (upInMs() <= 0) cameUp();
      else later(upInMs(), cameUp);
    },
    revert({ name, definition, state, reason, startedAtMs, live }) {
      stopTimers();
      if (record.live) serial.hangUp();
      end(record, 'shutoff', reason ?? 'from snapshot');
      const { id, name: named } = record.definition;
      Object.assign(record, { definition: { ...definition, id, name: named }, current: name });
      if (live) Object.assign(record, { state, live, startedAtMs });
      const event = live ? ({ what: 'started', state } as const) : ({ what: 'stopped', state: 'shutoff' } as const);
      ground.changed('revert', record, { ...event, detail: 'From snapshot' });
      if (live) boot();
    },
    goOn() {
      if (!isActive(record.state)) return;
      boot();
      if (record.stopsAtMs !== undefined) later(Math.max(0, record.stopsAtMs - clock.now()), goDown);
    },
  };
}

/** A guest as the driver tells it. */
export function driverGuestOf({ record }: FakeGuest): DriverGuest {
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
    driver: 'fake',
    ...(title === undefined ? {} : { title }),
  };
}

function begin(record: FakeRecord, paused: boolean, params: readonly BootParameter[], nowMs: number): void {
  const { vcpus, memoryMiB, nics } = record.definition;
  record.state = paused ? 'paused' : 'running';
  record.reason = paused ? 'user' : 'booted';
  record.startedAtMs = nowMs;
  record.live = { vcpus, memoryMiB, params, nics: [...nics] };
}

function end(record: FakeRecord, state: 'shutoff' | 'crashed', reason: string): void {
  record.state = state;
  record.reason = reason;
  delete record.startedAtMs;
  delete record.stopsAtMs;
  delete record.live;
}

function timersOf(clock: Clock): { later(ms: number, call: () => void): void; stopTimers(): void } {
  const timers = new Set<() => void>();
  return {
    later: (ms, call) => {
      const callOff = clock.after(ms, () => {
        timers.delete(callOff);
        call();
      });
      timers.add(callOff);
    },
    stopTimers: () => {
      for (const callOff of timers) callOff();
      timers.clear();
    },
  };
}

/** What commands see of the guest, as it is by then, and do to it. */
const placeOf = (
  record: FakeRecord,
  clock: Clock,
  commands: Record<'poweroff' | 'reboot' | 'crash', () => void>,
): ShellPlace => ({
  get name() {
    return record.definition.name;
  },
  get vcpus() {
    return record.live?.vcpus ?? record.definition.vcpus;
  },
  get memoryMiB() {
    return record.live?.memoryMiB ?? record.definition.memoryMiB;
  },
  upS: () => (clock.now() - (record.startedAtMs ?? clock.now())) / 1000,
  now: () => new Date(clock.now()),
  ...commands,
});
