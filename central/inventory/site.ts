/**
 * Responsibilities: know all hosts and guests of the site, keep what is known over restarts, and tell of changes.
 *
 * Theory of operation: reports of agents are folded (fold.ts), written (store.ts), and only then known and told; the agent gets its
 * answer after that, so that nothing it has an answer for can be lost. What is read is in memory. After a start everything is as it was
 * known last, and `stale` until its agent is heard.
 *
 * What can go wrong: an agent falls silent. Silence says nothing of its guests: the host becomes `unreachable`, with since when, and
 * its guests keep the state that was known last.
 */
import type { Writes } from '#central/database/writer.ts';
import { Failure } from '#shared/errors.ts';
import type { Guest } from '#shared/model/guest.ts';
import type { Report } from '#shared/model/report.ts';
import { type Contact, type ContactBook, contactBook, localpartFor } from './contacts.ts';
import { fold, type GuestDifference, type KnownHost, UNKNOWN_HOST } from './fold.ts';
import { placements } from './placements.ts';
import type { GuestWrite, InventoryStore, Loaded, StoredHost } from './store.ts';

/** `stale`: not heard since central began. */
export type Reach = 'stale' | 'heard' | 'unreachable';

export interface SiteHost extends StoredHost {
  reach: Reach;
  /** Why it is unreachable. */
  problem?: string;
  /** Since when it is as it is, RFC 3339: of `heard`, since the first report after a silence. */
  since: string;
}

export interface SiteGuest {
  contact: string;
  guest: Guest;
  host: SiteHost;
  tags: readonly string[];
  /** As people gave it here; the hypervisor's own is in the record. */
  title: string | null;
  notes: string | null;
}

/** What people say of a guest or a host. */
export type Description = Pick<Contact, 'tags' | 'title' | 'notes'>;

type Describe = (before: Description) => Partial<Description>;

export type SiteChange =
  | { what: 'guest'; contact: string; before: SiteGuest | undefined; after: SiteGuest | undefined }
  | { what: 'host'; name: string; before: SiteHost | undefined; after: SiteHost | undefined };

export interface SiteDeps {
  loaded: Loaded;
  store: InventoryStore;
  now(): number;
  onBug(error: unknown): void;
}

export class Site {
  readonly #store: InventoryStore;
  readonly #now: () => number;
  readonly #onBug: (error: unknown) => void;
  readonly #hosts = new Map<string, SiteHost>();
  readonly #byJid = new Map<string, string>();
  readonly #contacts: ContactBook;
  readonly #places = placements();
  readonly #listeners = new Set<(change: SiteChange) => void>();
  /** What is under way of each host or guest: reports of one host are taken one after the other. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor({ loaded, store, now, onBug }: SiteDeps) {
    this.#store = store;
    this.#now = now;
    this.#onBug = onBug;
    this.#contacts = contactBook(loaded.contacts);
    const began = this.#time();
    for (const stored of loaded.hosts) {
      this.#put({ ...stored, reach: 'stale', since: stored.heardAt ?? began });
      for (const [uuid, contact] of loaded.contactOf.get(stored.name) ?? [])
        this.#places.put(contact, stored.name, uuid);
    }
  }

  /** Sorted by name. */
  hosts(): SiteHost[] {
    return [...this.#hosts.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }
  findHost(name: string): SiteHost | undefined {
    return this.#hosts.get(name);
  }
  /** @throws Failure host-not-found */
  host(name: string): SiteHost {
    const host = this.#hosts.get(name);
    if (!host) throw new Failure('host-not-found', { host: name });
    return host;
  }
  hostByJid(bareJid: string): SiteHost | undefined {
    return this.#hosts.get(this.#byJid.get(bareJid) ?? '');
  }

  /** Sorted. */
  contacts(): readonly string[] {
    return this.#places.contacts();
  }
  contactsAt(host: string): string[] {
    return this.#places.at(host).map(({ contact }) => contact);
  }
  /** Where a guest is: on two hosts while it moves. Sorted. */
  hostsOf(contact: string): string[] {
    return this.#places.hostsOf(contact);
  }
  contactAt(host: string, uuid: string): string | undefined {
    return this.#places.contactAt(host, uuid);
  }
  /** Sorted by contact. */
  guests(): SiteGuest[] {
    return [...this.eachGuest()];
  }
  /** The same, or these, one by one, for who needs the first few. Made as it is read: read it without waiting for anything in between. */
  *eachGuest(contacts: Iterable<string> = this.contacts()): Generator<SiteGuest, void, undefined> {
    for (const contact of contacts) {
      const guest = this.find(contact);
      if (guest) yield guest;
    }
  }
  find(contact: string): SiteGuest | undefined {
    const place = this.#places.best(contact, this.#recordOf);
    const host = place && this.#hosts.get(place.host);
    const record = place && this.#recordOf(place.host, place.uuid);
    if (!host || !record) return undefined;
    const { tags = [], title = null, notes = null } = this.#contacts.get(contact) ?? {};
    return { contact, guest: record, host, tags, title, notes };
  }
  /** @throws Failure guest-not-found */
  guest(contact: string): SiteGuest {
    const guest = this.find(contact) ?? this.find(localpartFor(contact));
    if (!guest) throw new Failure('guest-not-found', { guest: contact, host: 'any host' });
    return guest;
  }

  onChange(listener: (change: SiteChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Take what an agent reports; resolves when it is kept. @throws Failure not-permitted, report-gap, report-late, host-space */
  take(bareJid: string, report: Report): Promise<void> {
    const name = this.#byJid.get(bareJid) ?? '';
    return this.#inTurn(name, async () => {
      const host = this.#hosts.get(name);
      if (!host) throw new Failure('not-permitted', { requester: bareJid, verb: 'report' });
      await this.#take(host, report);
    });
  }

  /** A host is silent. Its guests keep the state that was known last. */
  lose(name: string, problem: string): void {
    const host = this.#hosts.get(name);
    if (!host || host.reach === 'unreachable') return;
    const since = host.heardAt ?? host.since;
    this.#replace(name, { ...host, reach: 'unreachable', problem, since }, this.contactsAt(name));
  }

  /** @throws Failure host-exists, host-space */
  enrol(name: string, jid: string): Promise<void> {
    return this.#inTurn(name, async () => {
      if (this.#hosts.has(name)) throw new Failure('host-exists', { host: name });
      const at = this.#time();
      const none = { tags: [], title: null, notes: null, heardAt: null, known: UNKNOWN_HOST };
      const host: SiteHost = { ...none, name, jid, enrolledAt: at, reach: 'stale', since: at };
      await this.#store.putHost(host);
      this.#replace(name, host, []);
    });
  }

  /** @param also what is written in the same transaction @throws Failure host-not-found, host-space */
  forget(name: string, also?: Writes): Promise<void> {
    return this.#inTurn(name, async () => {
      this.host(name);
      await this.#store.removeHost(name, also);
      this.#replace(name, undefined, this.contactsAt(name), () => this.#places.removeAll(name));
    });
  }

  /**
   * Change what people say of a host, by what they said before.
   *
   * @param also what is written in the same transaction, by how it is then
   * @throws Failure host-not-found, host-space; what `change` throws
   */
  describeHost(name: string, change: Describe, also?: (after: SiteHost) => Writes): Promise<void> {
    return this.#inTurn(name, async () => {
      const before = this.host(name);
      const after = { ...before, ...change(before) };
      await this.#store.putHost(after, also?.(after));
      this.#replace(name, after, []);
    });
  }

  /** The same of a guest. @throws Failure guest-not-found, host-space; what `change` throws */
  describeGuest(contact: string, change: Describe, also?: (after: SiteGuest) => Writes): Promise<void> {
    // A blank is in no host's name: guests have turns of their own.
    return this.#inTurn(`guest ${contact}`, async () => {
      const before = this.guest(contact);
      const known = this.#contacts.get(contact);
      if (!known) throw new Failure('guest-not-found', { guest: contact, host: 'any host' });
      const after = { ...known, ...change(known) };
      const { tags, title, notes } = after;
      await this.#store.putContact(after, also?.({ ...before, tags, title, notes }));
      this.#contacts.put(after);
      this.#tell({ what: 'guest', contact, before, after: this.find(contact) });
    });
  }

  async #take(host: SiteHost, report: Report): Promise<void> {
    const taken = fold(host.known, report);
    if (taken.verdict === 'late') throw new Failure('report-late', { epoch: report.epoch, newest: host.known.epoch });
    if (taken.verdict === 'gap') throw new Failure('report-gap');
    const after = this.#heard(host, taken.verdict === 'taken' ? taken.known : host.known);
    const differences = taken.verdict === 'taken' ? taken.differences : [];
    const placed = differences.map((difference) => this.#placedBy(host.name, difference));
    if (report.kind !== 'alive' && report.kind !== 'blind' && taken.verdict === 'taken') {
      await this.#store.putReport(after, placed.map(writeOf), placed.flatMap(newContactOf));
    }
    const touched = placed.flatMap(({ old, contact }) => [old, contact?.contact].filter((name) => name !== undefined));
    // After a silence, each guest of the host is known anew.
    const all = host.reach === 'heard' ? touched : [...this.contactsAt(host.name), ...touched];
    this.#replace(host.name, after, all, () => {
      for (const { uuid, contact } of placed) {
        if (contact) this.#places.put(contact.contact, host.name, uuid);
        else this.#places.remove(host.name, uuid);
      }
    });
  }

  #heard({ problem: _, ...host }: SiteHost, known: KnownHost): SiteHost {
    const at = this.#time();
    return { ...host, known, reach: 'heard', since: host.reach === 'heard' ? host.since : at, heardAt: at };
  }

  /** A guest that is new on this host gets its contact; one that is there keeps it, unless its name changed. */
  #placedBy(host: string, { uuid, before, after }: GuestDifference): Placing {
    const old = this.#places.contactAt(host, uuid);
    if (!after) return { uuid, old, contact: undefined, after };
    const kept = old !== undefined && before?.name === after.name ? this.#contacts.get(old) : undefined;
    const isFree = (contact: string): boolean => this.find(contact) === undefined;
    return { uuid, old, contact: kept ?? this.#contacts.of(after, host, isFree), after };
  }

  /** Change what is known of a host; whoever listens hears of the host, and of each guest that is touched. */
  #replace(name: string, after: SiteHost | undefined, touched: Iterable<string>, place: () => void = () => {}): void {
    const before = this.#hosts.get(name);
    const guests = [...new Set(touched)].map((contact) => ({ contact, before: this.find(contact) }));
    if (before && !after) this.#byJid.delete(before.jid);
    if (after) this.#put(after);
    else this.#hosts.delete(name);
    place();
    this.#tell({ what: 'host', name, before, after });
    for (const { contact, before: guest } of guests)
      this.#tell({ what: 'guest', contact, before: guest, after: this.find(contact) });
  }

  #put(host: SiteHost): void {
    this.#hosts.set(host.name, host);
    this.#byJid.set(host.jid, host.name);
  }

  #tell(change: SiteChange): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(change);
      } catch (error) {
        this.#onBug(error);
      }
    }
  }

  #inTurn<T>(what: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(what) ?? Promise.resolve()).then(work, work);
    const settled = turn.then(
      () => {},
      () => {},
    );
    this.#turns.set(what, settled);
    void settled.then(() => this.#turns.get(what) === settled && this.#turns.delete(what));
    return turn;
  }

  #time = (): string => new Date(this.#now()).toISOString();
  #recordOf = (host: string, uuid: string): Guest | undefined => this.#hosts.get(host)?.known.guests.get(uuid);
}

/** A guest of a report, with the contact that it had there and the one that it has now. */
interface Placing {
  uuid: string;
  old: string | undefined;
  contact: Contact | undefined;
  after: Guest | undefined;
}

const writeOf = ({ uuid, contact, after }: Placing): GuestWrite => ({
  uuid,
  placed: contact && after ? { guest: after, contact: contact.contact } : undefined,
});

const newContactOf = ({ contact, old }: Placing): Contact[] => (contact && contact.contact !== old ? [contact] : []);
