import type { DriverHost, GuestEvent, GuestId, HypervisorDriver } from '#agent/drivers/driver.ts';
import type { Clock } from '#shared/clock.ts';
import { isActive } from '#shared/model/guest.ts';
import { addressSeeker } from './addresses.ts';
import type { Difference, Entries, HostGuest, InventoryChange } from './entries.ts';
import { type Reader, reader as readerOf } from './reader.ts';
import { type Reading, reading as readingOf } from './reading.ts';

/** Some changes have no event; nobody shall wait for them longer than this. */
const REREAD_MS = 300_000;

export interface HearingDeps {
  driver: Pick<HypervisorDriver, 'listGuests' | 'readGuest' | 'readAddresses'>;
  clock: Clock;
  entries: Entries;
  limit(): AbortSignal;
  /** Told of each difference in the entries. */
  changed(change: InventoryChange): void;
  /** What is known may be old from now on. */
  failed(problem: Error): void;
}

export interface Hearing {
  entries: Entries;
  reader: Reader;
  reading: Reading;
  seeker: ReturnType<typeof addressSeeker>;
  tell(difference: Difference | undefined, why: InventoryChange['why']): void;
}

/** Everything by which the entries come to know: reads, addresses, events. */
export function hearing(deps: HearingDeps): Hearing & { onEvent(event: GuestEvent): void } {
  const { driver, clock, entries, limit, changed, failed } = deps;
  const tell: Hearing['tell'] = (difference, why) => {
    if (!difference) return;
    seekOrForget(seeker, difference);
    changed({ ...difference, why });
  };
  const seeker = addressSeeker({
    driver,
    clock,
    found: (id, addresses) => tell(entries.setAddresses(id, addresses), 'addresses'),
  });
  const reader = readerOf({ driver, entries, differs: (difference) => tell(difference, 'read') });
  const reading = readingOf({ reader, entries, limit, failed });
  const parts = { entries, reader, reading, seeker, tell };
  return { ...parts, onEvent: eventsTo(parts) };
}

interface Watching {
  driver: Pick<HypervisorDriver, 'watch' | 'readHost'>;
  clock: Clock;
  reading: Reading;
  limit(): AbortSignal;
  onEvent(event: GuestEvent): void;
  /** The stream of events broke. */
  lost(problem: Error): void;
}

/** Watch first, then read everything, so that nothing is lost in between. */
export async function watching(deps: Watching): Promise<{ host: DriverHost; stop: () => Promise<void> }> {
  const { driver, clock, reading, limit, onEvent, lost } = deps;
  const watch = await driver.watch(onEvent, lost, limit());
  try {
    await reading.all();
    const host = await driver.readHost(limit());
    const callOff = rereading(clock, reading);
    const stop = async (): Promise<void> => {
      callOff();
      await watch.stop();
    };
    return { host, stop };
  } catch (error) {
    await watch.stop();
    throw error;
  }
}

/** Addresses are looked for from the start of a guest on, until it ends. */
function seekOrForget(seeker: ReturnType<typeof addressSeeker>, { id, before, after }: Difference): void {
  const was = before !== undefined && isActive(before.state);
  const is = after !== undefined && isActive(after.state);
  if (is && !was) seeker.seek(id);
  if (was && !is) seeker.forget(id);
}

/** What an event leads to: what it says counts at once, the rest is read. */
function eventsTo({ entries, reader, reading, seeker, tell }: Hearing): (event: GuestEvent) => void {
  const heardAgent = (id: GuestId | undefined): void => {
    if (id !== undefined && isActive(entries.get(id)?.state ?? 'shutoff')) seeker.seek(id);
  };
  const heard = (id: GuestId, event: GuestEvent): void => {
    reader.heard(id);
    const known = entries.get(id);
    if (known && event.state !== undefined) tell(entries.put(guestBy(event, known)), event);
    reading.one(id, event.what !== 'undefined').catch(() => {});
  };
  return (event) => {
    const id = event.id ?? entries.idOf(event.name);
    if (event.what === 'agent') heardAgent(id);
    else if (id === undefined) reading.all().catch(() => {});
    else heard(id, event);
  };
}

/** Read everything now and then. Returns what calls it off. */
function rereading(clock: Clock, reading: Reading): () => void {
  const reread = (): void => {
    reading.all().catch(() => {});
    callOff = clock.after(REREAD_MS, reread);
  };
  let callOff = clock.after(REREAD_MS, reread);
  return () => callOff();
}

/** A guest as an event shows it, before it is read. */
function guestBy({ state, detail }: GuestEvent, known: HostGuest) {
  const { uuid, host: _, addresses: __, reason: ___, ...rest } = known;
  const reason = detail?.toLowerCase();
  return { ...rest, id: uuid, state: state ?? known.state, ...(reason ? { reason } : {}) };
}
