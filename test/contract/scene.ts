import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { after, afterEach, before } from 'mocha';
import type { DriverGuest, GuestEvent, HypervisorDriver, Work } from '#agent/drivers/driver.ts';
import { Failure, type FailureCode } from '#shared/errors.ts';
import type { GuestState } from '#shared/model/guest.ts';
import type { DriverHarness, GuestWanted } from './driver-harness.ts';

/** The harness of one contract, and the guests that the test under way has made. */
export interface Scene {
  readonly harness: DriverHarness;
  readonly driver: HypervisorDriver;
  /** Limit for one call of the driver. */
  signal(): AbortSignal;
  /** A name that no other test of this run uses. */
  freshName(stem?: string): string;
  /** Define a guest that is removed after the test. */
  define(wanted?: Partial<GuestWanted>): Promise<DriverGuest>;
  /** Define one that has a disk, where snapshots and clones need one. */
  defineWhole(wanted?: Partial<GuestWanted>): Promise<DriverGuest>;
  /** A guest that the test made in another way is removed after it, too. */
  adopt(guest: DriverGuest): DriverGuest;
  /** What goes with long work; `progress` is kept. */
  work(signal?: AbortSignal): Work & { told: string[] };
  /** Define and start. */
  running(wanted?: Partial<GuestWanted>): Promise<DriverGuest>;
  state(guest: DriverGuest): Promise<GuestState>;
  /** Wait until the guest is in that state, woken by the driver's own events. */
  comesTo(guest: DriverGuest, state: GuestState): Promise<void>;
  /** Wait until the agent inside answers, where guests have one. */
  hasBooted(id: string): Promise<void>;
}

export const CALL_MS_MAX = 30_000;

/** Make the harness before the tests around the call, and take it down after them. */
export function scene(makeHarness: () => Promise<DriverHarness>): Scene {
  let harness: DriverHarness | undefined;
  let made: string[] = [];
  let serial = 0;
  const it = () => harness ?? assert.fail('the harness was not made');
  const signal = () => AbortSignal.timeout(CALL_MS_MAX);

  before(async function () {
    this.timeout(120_000);
    harness = await makeHarness();
  });
  afterEach(async () => {
    const doomed = made;
    made = [];
    await Promise.all(doomed.map((id) => removeGuest(it().driver, id)));
  });
  after(async () => harness?.close());

  const stage: Scene = {
    get harness() {
      return it();
    },
    get driver() {
      return it().driver;
    },
    signal,
    freshName: (stem = 'guest') => `${stem}-${++serial}`,
    async define(wanted = {}) {
      const text = it().definition({ name: stage.freshName(), ...wanted });
      return stage.adopt(await it().driver.defineGuest(text, { replace: false }, signal()));
    },
    async defineWhole(wanted = {}) {
      const { driver, withDisk, definition } = it();
      const whole = { name: stage.freshName(), ...wanted };
      const text = withDisk ? await withDisk(whole) : definition(whole);
      return stage.adopt(await driver.defineGuest(text, { replace: false }, signal()));
    },
    adopt(guest) {
      made.push(guest.id);
      return guest;
    },
    work(by = signal()) {
      const told: string[] = [];
      return { signal: by, told, progress: (text) => void told.push(text) };
    },
    async running(wanted = {}) {
      const guest = await stage.define(wanted);
      await it().driver.startGuest(guest.id, { paused: false }, signal());
      return guest;
    },
    state: async (guest) => (await it().driver.readGuest(guest.id, signal())).state,
    comesTo: (guest, state) => comesTo(it(), guest, state),
    hasBooted: (id) => hasBooted(it(), id),
  };
  return stage;
}

/** Forced off and gone, also when the test left it gone already. */
export async function removeGuest(driver: HypervisorDriver, id: string): Promise<void> {
  const signal = AbortSignal.timeout(CALL_MS_MAX);
  const unless = (codes: FailureCode[]) => (error: unknown) => {
    if (!(error instanceof Failure && codes.includes(error.code))) throw error;
  };
  await driver.poweroffGuest(id, signal).catch(unless(['guest-wrong-state', 'guest-not-found']));
  await driver.deleteGuest(id, signal).catch(unless(['guest-not-found']));
}

async function hasBooted({ driver, bootMsMax }: DriverHarness, id: string): Promise<void> {
  const limit = AbortSignal.timeout(bootMsMax + CALL_MS_MAX);
  while (driver.pingGuestAgent) {
    const answer: unknown = await driver.pingGuestAgent(id, limit).catch((error: unknown) => error);
    if (answer === undefined) return;
    failure('guest-agent-silent')(answer);
    await pause(20, undefined, { signal: limit });
  }
}

async function comesTo(harness: DriverHarness, guest: DriverGuest, state: GuestState): Promise<void> {
  const limit = AbortSignal.timeout(harness.bootMsMax + CALL_MS_MAX);
  const events = await witness(harness.driver);
  try {
    for (let round = 0; ; round++) {
      const now = await harness.driver.readGuest(guest.id, limit);
      if (now.state === state) return;
      await events.after(round, limit, `${guest.name} comes to ${state}, it is ${now.state}`);
    }
  } finally {
    await events.stop();
  }
}

/** The events that a driver tells from now on, to be waited for. */
export interface Witness {
  readonly events: GuestEvent[];
  readonly breaks: Error[];
  /** Until there is an event that fits; those told before count. */
  sees(what: string, fits: (event: GuestEvent) => boolean, limit?: AbortSignal): Promise<GuestEvent>;
  /** Until there are more than so many events. */
  after(count: number, limit: AbortSignal, what: string): Promise<void>;
  /** Until the stream has broken. */
  breaksOff(limit?: AbortSignal): Promise<Error>;
  stop(): Promise<void>;
}

/** Watch a driver. */
export async function witness(driver: HypervisorDriver): Promise<Witness> {
  const events: GuestEvent[] = [];
  const breaks: Error[] = [];
  let wake = Promise.withResolvers<void>();
  const stir = () => {
    wake.resolve();
    wake = Promise.withResolvers();
  };
  const watch = await driver.watch(
    (event) => {
      events.push(event);
      stir();
    },
    (problem) => {
      breaks.push(problem);
      stir();
    },
    AbortSignal.timeout(CALL_MS_MAX),
  );
  const until = async <T>(find: () => T | undefined, limit: AbortSignal, what: string): Promise<T> => {
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      await settled(wake.promise, limit, () => `waited for: ${what}; seen: ${JSON.stringify(events)}`);
    }
  };
  const patience = () => AbortSignal.timeout(CALL_MS_MAX);
  return {
    events,
    breaks,
    sees: (what, fits, limit = patience()) => until(() => events.find(fits), limit, what),
    after: (count, limit, what) => until(() => (events.length > count ? true : undefined), limit, what).then(() => {}),
    breaksOff: (limit = patience()) => until(() => breaks[0], limit, 'the stream breaks'),
    stop: () => watch.stop(),
  };
}

/** A promise, or a failed assertion when the limit comes first. */
export async function settled<T>(promise: Promise<T>, limit: AbortSignal, why: () => string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const onAbort = () => late.reject(new assert.AssertionError({ message: why() }));
  limit.addEventListener('abort', onAbort, { once: true });
  if (limit.aborted) onAbort();
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    limit.removeEventListener('abort', onAbort);
  }
}

/** What `assert.rejects` is to look for: a Failure of that row. */
export const failure = (code: FailureCode) => (error: unknown) => {
  assert.ok(error instanceof Failure, `expected Failure ${code}, got ${error}`);
  assert.equal(error.code, code, error.message);
  return true;
};
