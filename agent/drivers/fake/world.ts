import { randomUUID } from 'node:crypto';
import type { GuestEvent, GuestEventListener } from '#agent/drivers/driver.ts';
import { type Clock, systemClock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import { isActive } from '#shared/model/guest.ts';
import { checkedDefinition, type FakeDefinition } from './definition.ts';
import { type FakeGuest, fakeGuest } from './guest.ts';
import { type FakeRecord, type FakeStore, openStore } from './store.ts';

export interface FakeWorldOptions {
  /** Guests that are there at first; a number makes so many, `guest-0` and on. A state file that is there already wins. */
  guests?: number | readonly FakeGuestOptions[];
  /** From the start of a guest to its prompt. */
  bootMs?: number;
  /** From being asked to being off. */
  shutdownMs?: number;
  /** Where guests are kept, and what was done is counted. Without it all is forgotten at the end. */
  stateFile?: string;
  clock?: Clock;
}

export type FakeGuestOptions = Partial<Omit<FakeDefinition, 'name'>> & {
  name: string;
  autostart?: boolean;
  running?: boolean;
};

/** The hypervisor that is none: guests in memory, which anybody may act on, and which are told of. */
export interface FakeWorld {
  guests(): FakeGuest[];
  find(id: string): FakeGuest | undefined;
  named(name: string): FakeGuest | undefined;
  define(definition: FakeDefinition): FakeGuest;
  remove(guest: FakeGuest): void;
  /** A guest of another world is here now. */
  arrive(record: FakeRecord): void;
  /** A guest's record was changed from outside of it. */
  changed(did: string, guest: FakeGuest, event: Omit<GuestEvent, 'name' | 'id'>): void;
  listen(listener: GuestEventListener, onBreak: (problem: Error) => void): () => void;
  /** It stops answering, and breaks every stream of events. */
  goAway(problem?: string): void;
  comeBack(): void;
  /** Streams of events break; it goes on answering. */
  breakStreams(): void;
  /** @throws Failure host-unreachable while it is away */
  reach(): void;
  readonly clock: Clock;
  /** How many watch, and wait. */
  readonly watchers: number;
  close(): void;
}

const NOTHING: FakeStore = { put: () => {}, close: () => {} };

export function fakeWorld(options: FakeWorldOptions = {}): FakeWorld {
  const { clock = systemClock, bootMs = 2_000, shutdownMs = 1_000, stateFile } = options;
  const kept = stateFile === undefined ? undefined : openStore(stateFile);
  const store = kept?.store ?? NOTHING;
  const guests = new Map<string, FakeGuest>();
  const watchers = new Set<{ listener: GuestEventListener; onBreak: (problem: Error) => void }>();
  let away: string | undefined;

  const tell = ({ id, definition }: FakeRecord, event: Omit<GuestEvent, 'name' | 'id'>): void => {
    for (const { listener } of [...watchers]) listener({ name: definition.name, id, ...event });
  };
  const changed = (did: string, record: FakeRecord, event: Omit<GuestEvent, 'name' | 'id'>): void => {
    store.put(did, record.definition.name, record.id, record);
    tell(record, event);
  };
  const adopt = (record: FakeRecord): FakeGuest => {
    const guest = fakeGuest(record, { clock, bootMs, shutdownMs, changed, told: tell });
    guests.set(record.id, guest);
    return guest;
  };
  const define = (definition: FakeDefinition): FakeGuest => {
    const id = definition.id ?? randomUUID();
    const guest = guests.get(id) ?? adopt({ id, definition, state: 'shutoff', autostart: false });
    guest.record.definition = { ...definition, id };
    changed('define', guest.record, { what: 'defined', detail: 'Added' });
    return guest;
  };
  const breakStreams = (problem = 'the fake hypervisor broke the stream'): void => {
    const broken = [...watchers];
    watchers.clear();
    for (const { onBreak } of broken) onBreak(new Error(problem));
  };

  for (const record of kept?.records ?? []) adopt(record).goOn();
  if (kept === undefined || kept.isNew) for (const guest of guestsOf(options.guests ?? [])) populate(define, guest);

  return {
    clock,
    define,
    breakStreams,
    guests: () => [...guests.values()],
    find: (id) => guests.get(id),
    named: (name) => [...guests.values()].find(({ record }) => record.definition.name === name),
    remove(guest) {
      const { record } = guest;
      guest.stopTimers();
      guests.delete(record.id);
      store.put('delete', record.definition.name, record.id, undefined);
      tell(record, { what: 'undefined', detail: 'Removed' });
    },
    arrive: (record) =>
      changed('arrive', adopt(record).record, { what: 'started', state: record.state, detail: 'Migrated' }),
    changed: (did, guest, event) => changed(did, guest.record, event),
    listen(listener, onBreak) {
      const watcher = { listener, onBreak };
      watchers.add(watcher);
      return () => void watchers.delete(watcher);
    },
    goAway(problem = 'the fake hypervisor is away') {
      away = problem;
      breakStreams(problem);
    },
    comeBack() {
      away = undefined;
    },
    reach() {
      if (away !== undefined) throw new Failure('host-unreachable', { problem: away });
    },
    get watchers() {
      return watchers.size;
    },
    close() {
      for (const guest of guests.values()) guest.stopTimers();
      store.close();
    },
  };
}

const guestsOf = (guests: number | readonly FakeGuestOptions[]): readonly FakeGuestOptions[] =>
  typeof guests === 'number' ? Array.from({ length: guests }, (_, index) => ({ name: `guest-${index}` })) : guests;

function populate(define: (definition: FakeDefinition) => FakeGuest, options: FakeGuestOptions): void {
  const { autostart = false, running = false, ...definition } = options;
  const guest = define(checkedDefinition(definition));
  guest.record.autostart = autostart;
  if ((running || autostart) && !isActive(guest.record.state)) guest.start(false);
}
