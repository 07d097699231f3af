/**
 * Responsibilities: read one guest's serial console for as long as the guest runs, and keep the newest part.
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
import { newsIn, overlap } from './joining.ts';
import { type Ring, ring } from './ring.ts';

export interface KeptConsole {
  readonly ring: Ring;
  readonly isOpen: boolean;
  /** The guest has no serial port. */
  readonly isMissing: boolean;
  /** The guest is active: its port shall be open. */
  wake(): void;
  /** The guest is off. What it wrote stays. */
  sleep(): void;
  /** @throws Failure console-closed */
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

export interface KeptConsoleDeps {
  id: GuestId;
  name: string;
  driver: Pick<HypervisorDriver, 'openConsole'>;
  keepBytes: number;
  clock: Clock;
  log: Record<'info' | 'warn', (fields: object, message: string) => void>;
  /** There is more in the ring. */
  wrote(): void;
}

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
    const pastTaken = joined(opened, deps, { ring: kept, take, heard: retry.soon });
    opened.onEnd(() => ended(opened));
    port = opened;
    await pastTaken;
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
    get isOpen() {
      return port !== undefined;
    },
    get isMissing() {
      return isMissing;
    },
    wake() {
      if (isWanted) return;
      isWanted = true;
      isMissing = driver.openConsole === undefined;
      retry.soon();
      openNow();
    },
    sleep() {
      isWanted = false;
      retry.callOff();
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

interface Taking {
  ring: Ring;
  take(bytes: Uint8Array): void;
  /** The port is alive. */
  heard(): void;
}

/** Take what a port that was just opened sends, after what the log has of the time before. Resolves when the past is taken. */
async function joined(opened: SerialPort, deps: KeptConsoleDeps, { ring: kept, take, heard }: Taking): Promise<void> {
  let early: Uint8Array[] | undefined = [];
  opened.onData((bytes) => {
    heard();
    if (early) early.push(Uint8Array.from(bytes));
    else take(bytes);
  });
  const history = await historyOf(opened, deps);
  take(newsIn(history, kept.slice(kept.start)));
  const live = Buffer.concat(early);
  early = undefined;
  take(live.subarray(overlap(history, live)));
}

async function historyOf(opened: SerialPort, { keepBytes, name, log }: KeptConsoleDeps): Promise<Uint8Array> {
  try {
    return (await opened.history?.(keepBytes)) ?? new Uint8Array();
  } catch (error) {
    log.warn({ guest: name, err: error }, 'console log cannot be read, its past is missing');
    return new Uint8Array();
  }
}
