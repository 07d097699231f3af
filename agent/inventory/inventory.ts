/**
 * Responsibilities: know how every guest is, so that nobody has to ask the hypervisor to answer a question; tell of changes.
 *
 * Theory of operation: watch the driver's events, then read everything, then live on events. An event that names the new state
 * counts at once, and whoever listens is told before the guest is read for the rest. A stream that breaks is watched
 * anew after a wait, and everything is read anew, since events in between are lost. Addresses are looked for in the background.
 *
 * What can go wrong: the hypervisor does not answer. Then the state is `degraded`, and what was known last stays known. Events
 * name guests, not ids: one of a name that is not known, or that has gone to another guest, makes everything be read.
 */
import type { DriverHost, DriverName, GuestId, HypervisorDriver } from '#agent/drivers/driver.ts';
import type { Clock } from '#shared/clock.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import type { Guest } from '#shared/model/guest.ts';
import { within } from '#shared/within.ts';
import { entries as entriesOf, type InventoryChange } from './entries.ts';
import { hearing, watching } from './hearing.ts';
import { listeners } from './listeners.ts';
import { vigil as vigilOf } from './vigil.ts';

export interface Inventory {
  /** `degraded`: the hypervisor does not answer, and what is known may be old. */
  readonly state: 'up' | 'degraded';
  /** Why it is degraded. */
  readonly problem: string | undefined;
  /** Of several drivers: those that do not answer, once each of them has; what is known of the others' guests is so. */
  readonly silent?: readonly DriverName[] | undefined;
  /** What the machine is, once the hypervisor has told it. */
  readonly host: DriverHost | undefined;
  /** Sorted by name. @throws Failure host-unreachable while nothing was ever read */
  guests(): readonly Guest[];
  /** @throws Failure guest-not-found, host-unreachable while nothing was ever read */
  guest(name: string): Guest;
  find(name: string): Guest | undefined;
  /** Read a guest anew, and answer how it is after now; undefined: it is gone. */
  refresh(id: GuestId, signal: AbortSignal): Promise<Guest | undefined>;
  onChange(listener: (change: InventoryChange) => void): () => void;
  onState(listener: (state: Inventory['state']) => void): () => void;
  /** Resolves when everything was read, or could not be. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Resolves when nothing is being read. */
  settled(): Promise<void>;
}

export interface InventoryDeps {
  driver: Pick<HypervisorDriver, 'listGuests' | 'readGuest' | 'readHost' | 'readAddresses' | 'watch'>;
  /** The host's name. */
  host: string;
  clock: Clock;
  log: Record<'info' | 'warn' | 'error', (fields: object, message: string) => void>;
  onBug(error: unknown): void;
}

const READ_MS_MAX = 30_000;
/** What may be wrong with one guest, while the hypervisor answers for the others. */
const ONE_GUEST_ONLY: ReadonlySet<string> = new Set(['host-output', 'host-command']);
export function inventory(deps: InventoryDeps): Inventory {
  const { driver, host: hostName, clock, log } = deps;
  const entries = entriesOf(hostName);
  const changes = listeners<InventoryChange>(deps.onBug);
  const states = listeners<Inventory['state']>(deps.onBug);
  const stopping = new AbortController();
  const limit = (): AbortSignal => AbortSignal.any([stopping.signal, AbortSignal.timeout(READ_MS_MAX)]);
  let state: Inventory['state'] = 'degraded';
  let problem: string | undefined = 'it was not asked yet';
  let host: DriverHost | undefined;
  let wasRead = false;

  const { reader, reading, seeker, onEvent } = hearing({
    ...{ driver, clock, entries, limit },
    changed: changes.tell,
    failed: (error) => failed(error),
  });

  const vigil = vigilOf({
    clock,
    begin: async (lost) => {
      const begun = await watching({ driver, clock, reading, limit, onEvent, lost });
      host = begun.host;
      return begun.stop;
    },
    up: () => {
      wasRead = true;
      log.info({ guests: entries.ids().length }, 'inventory is complete');
      become('up', undefined);
    },
    down: (error, retryMs) => {
      log.warn({ err: error, retryMs }, 'hypervisor does not answer, inventory may be old');
      become('degraded', messageOf(error));
    },
  });
  const failed = (error: Error): void => {
    if (error instanceof Failure && ONE_GUEST_ONLY.has(error.code)) {
      log.warn({ err: error }, 'guest cannot be read, what is known of it may be old');
    } else vigil.lost(error);
  };
  const become = (to: Inventory['state'], why: string | undefined): void => {
    problem = why;
    if (state === to) return;
    state = to;
    states.tell(to);
  };
  const requireRead = (): void => {
    if (!wasRead) throw new Failure('host-unreachable', { host: hostName, problem });
  };
  const find = (name: string): Guest | undefined => entries.get(entries.idOf(name) ?? '');

  return {
    get state() {
      return state;
    },
    get problem() {
      return problem;
    },
    get host() {
      return host;
    },
    find,
    guests: () => {
      requireRead();
      return entries.all();
    },
    guest: (name) => {
      requireRead();
      const guest = find(name);
      if (!guest) throw new Failure('guest-not-found', { guest: name, host: hostName });
      return guest;
    },
    refresh: async (id, signal) => {
      signal.throwIfAborted();
      reader.heard(id);
      await within(reading.one(id, false), signal);
      return entries.get(id);
    },
    onChange: changes.listen,
    onState: states.listen,
    start: () => vigil.start(),
    stop: async () => {
      stopping.abort(new Error('the agent stops'));
      seeker.stop();
      await vigil.stop();
      await reading.settled();
    },
    settled: () => reading.settled(),
  };
}
