import type { GuestId, HypervisorDriver } from '#agent/drivers/driver.ts';
import type { Inventory } from '#agent/inventory/inventory.ts';
import type { Clock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import type { ConsoleInfo, ConsoleText } from '#shared/model/console.ts';
import { type Guest, isActive } from '#shared/model/guest.ts';
import { type ConsoleLife, type KeptConsole, keptConsole, type Marks } from './kept-console.ts';
import { plainText, restOfLetter, wholeBytes } from './plain-text.ts';
import type { Ring } from './ring.ts';
import { type ConsoleSend, type ConsoleWatch, consoleWatch } from './watch.ts';

/** Keeps the serial consoles of all guests that run: always read, with scroll-back, and any number of watchers. */
export interface ConsoleKeeper {
  start(): void;
  stop(): Promise<void>;
  /** Consoles that are open, or of which something is kept. */
  list(): ConsoleInfo[];
  info(guest: Guest): ConsoleInfo;
  /** The last lines, or all from a place on, up to a bound. @throws Failure console-missing */
  read(guest: Guest, what: { lines: number; from?: number | undefined }): ConsoleText;
  /** @throws Failure console-missing, too-busy */
  watch(guest: Guest, watcher: { to: string; style: 'text' | 'bytes' }, forMs: number): void;
  /** What the guest has written since its last start, or why that is not known. */
  life(guest: Guest): (ConsoleLife & { ring: Ring }) | { problem: string };
  /** The guest is about to be started. @throws Failure what the driver throws */
  mark(guest: Guest, signal: AbortSignal): Promise<void>;
  /** Without a guest: all that this one watches. */
  unwatch(to: string, guest?: Guest): void;
  /** Cut off whoever may watch no more, and tell them. */
  recheck(mayWatch: (to: string, guest: string) => boolean): void;
  /** @throws Failure console-missing, console-closed */
  write(guest: Guest, bytes: Uint8Array): Promise<void>;
}

export interface KeeperDeps {
  driver: Pick<HypervisorDriver, 'openConsole' | 'readConsoleLog'>;
  marks: Marks;
  inventory: Pick<Inventory, 'guests' | 'onChange' | 'onState' | 'state'>;
  keepBytes: number;
  clock: Clock;
  log: Record<'info' | 'warn', (fields: object, message: string) => void>;
  send: ConsoleSend;
}

interface Place {
  name: string;
  console: KeptConsole;
  watches: Map<string, { style: 'text' | 'bytes'; watch: ConsoleWatch }>;
}

const WATCHERS_MAX = 100;
const ANSWER_BYTES_MAX = 32 * 1024;

export function consoleKeeper(deps: KeeperDeps): ConsoleKeeper {
  const places = new Map<GuestId, Place>();
  let callOff = (): void => {};

  const placeOf = ({ uuid, name }: Guest): Place => {
    const known = places.get(uuid);
    if (known) return known;
    const watches: Place['watches'] = new Map();
    const wrote = (): void => {
      for (const { watch } of watches.values()) watch.stir();
    };
    const place = { name, watches, console: keptConsole({ ...deps, id: uuid, name, wrote }) };
    places.set(uuid, place);
    return place;
  };
  const follow = (guest: Guest): void => {
    if (isActive(guest.state)) placeOf(guest).console.wake();
    else places.get(guest.uuid)?.console.sleep();
  };
  const forget = (id: GuestId): void => {
    const place = places.get(id);
    if (!place) return;
    places.delete(id);
    for (const { watch } of place.watches.values()) watch.end();
    void place.console.close().catch(() => {});
  };
  const present = (guest: Guest): Place => {
    const place = placeOf(guest);
    if (place.console.isMissing && place.console.ring.end === 0) {
      throw new Failure('console-missing', { guest: guest.name });
    }
    return place;
  };

  return {
    start() {
      callOff = deps.inventory.onChange(({ id, after }) => {
        if (after) follow(after);
        else forget(id);
      });
      // What was found before anybody listened; none where nothing was read yet.
      if (deps.inventory.state === 'up') for (const guest of deps.inventory.guests()) follow(guest);
    },
    async stop() {
      callOff();
      const all = [...places.values()];
      places.clear();
      for (const { watches } of all) for (const { watch } of watches.values()) watch.end();
      await Promise.all(all.map(({ console }) => console.close()));
    },
    list: () =>
      [...places.values()]
        .filter(({ console }) => console.isOpen || console.ring.end > 0)
        .map(infoOf)
        .sort((a, b) => (a.guest < b.guest ? -1 : 1)),
    info: (guest) => infoOf(placeOf(guest)),
    read: (guest, what) => readText(present(guest), what),
    watch(guest, { to, style }, forMs) {
      const { console, watches } = present(guest);
      const known = watches.get(to);
      if (known?.style === style) return known.watch.renew(forMs);
      if (!known && watches.size >= WATCHERS_MAX) {
        throw new Failure('too-busy', { problem: `${WATCHERS_MAX} watch the console of ${guest.name}` });
      }
      known?.watch.end();
      const expired = (): void => {
        watches.delete(to);
        const body = `The watch of ${guest.name} has ended. To go on: console watch ${guest.name}`;
        if (style === 'text') deps.send.text(to, body).catch(() => {});
      };
      const { clock, send } = deps;
      const watch = consoleWatch({ guest: guest.name, to, style, ring: console.ring, clock, send, expired });
      watch.renew(forMs);
      watches.set(to, { style, watch });
    },
    life(guest) {
      const { console } = placeOf(guest);
      if (console.isMissing) return { problem: `the guest ${guest.name} has no serial console that can be read` };
      if (!console.life) return { problem: `the console of ${guest.name} could not be opened since its start` };
      return { ...console.life, ring: console.ring };
    },
    mark: (guest, signal) => placeOf(guest).console.mark(signal),
    unwatch(to, guest) {
      for (const [id, { watches }] of places) {
        if (guest && id !== guest.uuid) continue;
        watches.get(to)?.watch.end();
        watches.delete(to);
      }
    },
    recheck(mayWatch) {
      for (const { name, watches } of places.values())
        for (const [to, { style, watch }] of [...watches])
          if (!mayWatch(to, name)) {
            watch.end();
            watches.delete(to);
            deps.send.cut(to, style, name).catch(() => {});
          }
    },
    async write(guest, bytes) {
      const { console } = present(guest);
      if (console.isMissing) throw new Failure('console-missing', { guest: guest.name });
      if (!isActive(guest.state)) throw new Failure('console-closed', { guest: guest.name, state: guest.state });
      await console.write(bytes);
    },
  };
}

const infoOf = ({ name, console, watches }: Place): ConsoleInfo => ({
  guest: name,
  state: console.isOpen ? 'open' : 'closed',
  bytes: console.ring.end - console.ring.start,
  watchers: watches.size,
});

function readText(
  { name, console: { ring } }: Place,
  { lines, from }: { lines: number; from?: number | undefined },
): ConsoleText {
  const first = from === undefined ? linesFrom(ring.slice(ring.start), lines) + ring.start : Math.max(from, ring.start);
  const begin = Math.min(first, ring.end);
  const bytes = ring.slice(begin, Math.min(ring.end, begin + ANSWER_BYTES_MAX));
  const cut = begin === ring.start ? restOfLetter(bytes) : 0;
  // A beginning that does not become whole is given as it is, so that a reader comes on.
  const whole = wholeBytes(bytes) || (bytes.length > 256 ? bytes.length : 0);
  return {
    guest: name,
    from: begin,
    next: begin + whole,
    missed: from === undefined ? 0 : Math.max(0, ring.start - from),
    text: plainText(bytes.subarray(cut, whole)),
  };
}

/** Where the last so many lines begin, within what one answer holds. A line end at the very end begins no line. */
function linesFrom(bytes: Buffer, lines: number): number {
  const oldest = Math.max(0, bytes.length - ANSWER_BYTES_MAX);
  let at = bytes.length - (bytes.at(-1) === 0x0a ? 1 : 0);
  for (let count = 0; count < lines; count++) {
    at = at > 0 ? bytes.lastIndexOf(0x0a, at - 1) : -1;
    if (at < oldest) return oldest;
  }
  return at + 1;
}
