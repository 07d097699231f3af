/**
 * Responsibilities: read one guest's serial console for as long as the guest runs, and keep the newest part.
 *
 * A life begins with each start of the guest. What an earlier one wrote stays in the ring, and in the hypervisor's log; where the
 * new one begins is known by a mark, the last of what was written before, which is kept over restarts of the agent.
 *
 * Theory of operation: while the guest is active a port is open and is always read: a port that nobody reads stops the
 * guest's console. At each opening the hypervisor's log, where it keeps one, fills what was written while nobody read.
 *
 * What can go wrong: the port ends though the guest runs, or cannot be opened: it is opened again, ever more seldom. A guest
 * without a serial port is not asked again until it starts again.
 */
import type { GuestId, HypervisorDriver, SerialPort } from '#agent/drivers/driver.ts';
import type { Clock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import { endOf, joined, type PastDeps } from './past.ts';
import { type Ring, ring } from './ring.ts';

/** What a guest has written since its last start. */
export interface ConsoleLife {
  /** Another one after each start. */
  serial: number;
  /** The place in the ring where it begins. */
  began: number;
}

export interface KeptConsole {
  /** Undefined until the port was opened since the guest's start. */
  readonly life: ConsoleLife | undefined;
  readonly ring: Ring;
  readonly isOpen: boolean;
  /** The guest has no serial port. */
  readonly isMissing: boolean;
  /** The guest is active: its port shall be open. */
  wake(): void;
  /** The guest is off. What it wrote stays. */
  sleep(): void;
  /** The guest, which is off, is about to be started: remember where the hypervisor's log ends. */
  mark(signal: AbortSignal): Promise<void>;
  /** @throws Failure console-closed */
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

export interface KeptConsoleDeps extends PastDeps {
  id: GuestId;
  driver: Pick<HypervisorDriver, 'openConsole' | 'readConsoleLog'>;
  marks: Marks;
  clock: Clock;
  log: Record<'info' | 'warn', (fields: object, message: string) => void>;
  /** There is more in the ring. */
  wrote(): void;
}

/** What each guest had written last before its last start, kept over restarts of the agent. */
export interface Marks {
  get(id: GuestId): Uint8Array;
  set(id: GuestId, mark: Uint8Array): void;
}

export const MARK_BYTES = 1024;
const OPEN_MS_MAX = 20_000;
const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 30_000;

export function keptConsole(deps: KeptConsoleDeps): KeptConsole {
  const { id, name, driver, clock, log } = deps;
  const kept = ring(deps.keepBytes);
  let port: SerialPort | undefined;
  let isWanted = false;
  let isMissing = driver.openConsole === undefined;
  let opening: Promise<void> | undefined;
  let life: ConsoleLife | undefined;
  let lives = 0;
  const retry = retrying(clock);
  const stopping = new AbortController();

  const take = (bytes: Uint8Array): void => {
    if (bytes.length === 0) return;
    kept.append(bytes);
    deps.wrote();
  };
  const openNow = (): void => {
    retry.callOff();
    if (!isWanted || isMissing || port || opening) return;
    opening = open()
      .catch(failed)
      .finally(() => {
        opening = undefined;
      });
  };
  const open = async (): Promise<void> => {
    const limit = AbortSignal.any([stopping.signal, AbortSignal.timeout(OPEN_MS_MAX)]);
    const opened = await driver.openConsole?.(id, limit);
    if (!opened) return;
    const pastTaken = joined(opened, deps, { ring: kept, take, heard: retry.soon, joins });
    opened.onEnd(() => ended(opened));
    port = opened;
    await pastTaken;
  };
  const joins = (history: Uint8Array): void => {
    if (life || !isWanted) return;
    // What the ring has is of before, since the port ended when the guest went off.
    if (kept.end > 0) remember(kept.slice(kept.end - MARK_BYTES), deps);
    life = { serial: ++lives, began: kept.end > 0 ? kept.end : endOf(deps.marks.get(id), history) };
  };
  const ended = (which: SerialPort): void => {
    if (port !== which) return;
    port = undefined;
    which.close().catch(() => {});
    openLater();
  };
  const failed = (error: unknown): void => {
    if (stopping.signal.aborted) return;
    if (error instanceof Failure && error.code === 'console-missing') {
      isMissing = true;
      return;
    }
    const isGone = error instanceof Failure && (error.code === 'console-closed' || error.code === 'guest-not-found');
    if (!isGone) log.warn({ guest: name, err: error, retryMs: retry.ms }, 'console cannot be opened');
    openLater();
  };
  const openLater = (): void => {
    retry.callOff();
    if (isWanted) retry.later(openNow);
  };

  return {
    ring: kept,
    get life() {
      return life;
    },
    get isOpen() {
      return port !== undefined;
    },
    get isMissing() {
      return isMissing;
    },
    wake() {
      if (isWanted) return;
      isWanted = true;
      life = undefined;
      isMissing = driver.openConsole === undefined;
      retry.soon();
      openNow();
    },
    sleep() {
      isWanted = false;
      retry.callOff();
    },
    async mark(signal) {
      const last = kept.end > 0 ? kept.slice(kept.end - MARK_BYTES) : driver.readConsoleLog?.(id, MARK_BYTES, signal);
      deps.marks.set(id, (await last) ?? new Uint8Array());
    },
    async write(bytes) {
      if (!port) throw new Failure('console-closed', { guest: name, state: isWanted ? 'not read yet' : 'shutoff' });
      await port.write(bytes);
    },
    async close() {
      isWanted = false;
      retry.callOff();
      stopping.abort(new Error('the agent stops'));
      await opening;
      const last = port;
      port = undefined;
      await last?.close();
    },
  };
}

/** When to try again: ever more seldom, until `soon`. */
function retrying(clock: Clock) {
  let ms = RETRY_MS_MIN;
  let callOff = (): void => {};
  return {
    get ms() {
      return ms;
    },
    later: (call: () => void): void => {
      callOff = clock.after(ms, call);
      ms = Math.min(RETRY_MS_MAX, ms * 2);
    },
    soon: (): void => {
      ms = RETRY_MS_MIN;
    },
    callOff: (): void => callOff(),
  };
}

/** A disk that is full is no reason not to read a console. */
function remember(mark: Uint8Array, { id, name, marks, log }: KeptConsoleDeps): void {
  try {
    marks.set(id, mark);
  } catch (error) {
    log.warn({ guest: name, err: error }, 'where its console begins cannot be kept over a restart of the agent');
  }
}
