/**
 * Responsibilities: all that central knows of hosts and guests now, read from memory, and who is told when that changes.
 *
 * What is known changes only by `Site` (site.ts), which has it written before.
 */
import { Failure } from '#shared/errors.ts';
import type { Guest } from '#shared/model/guest.ts';
import { type ContactBook, contactBook, localpartFor } from './contacts.ts';
import { placements } from './placements.ts';
import type { Loaded, StoredHost } from './store.ts';

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

export type SiteChange =
  | { what: 'guest'; contact: string; before: SiteGuest | undefined; after: SiteGuest | undefined }
  | { what: 'host'; name: string; before: SiteHost | undefined; after: SiteHost | undefined };

export interface KnownSiteDeps {
  loaded: Loaded;
  now(): number;
  onBug(error: unknown): void;
}

export class KnownSite {
  readonly #now: () => number;
  readonly #onBug: (error: unknown) => void;
  readonly #hosts = new Map<string, SiteHost>();
  readonly #byJid = new Map<string, string>();
  readonly #listeners = new Set<(change: SiteChange) => void>();
  protected readonly names: ContactBook;
  protected readonly places = placements();

  constructor({ loaded, now, onBug }: KnownSiteDeps) {
    this.#now = now;
    this.#onBug = onBug;
    this.names = contactBook(loaded.contacts);
    const began = this.time();
    for (const stored of loaded.hosts) {
      this.#put({ ...stored, reach: 'stale', since: stored.heardAt ?? began });
      for (const [uuid, contact] of loaded.contactOf.get(stored.name) ?? [])
        this.places.put(contact, stored.name, uuid);
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
    return this.places.contacts();
  }
  contactsAt(host: string): string[] {
    return this.places.at(host).map(({ contact }) => contact);
  }
  /** Where a guest is: on two hosts while it moves. Sorted. */
  hostsOf(contact: string): string[] {
    return this.places.hostsOf(contact);
  }
  contactAt(host: string, uuid: string): string | undefined {
    return this.places.contactAt(host, uuid);
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
    const place = this.places.best(contact, this.#recordOf);
    const host = place && this.#hosts.get(place.host);
    const record = place && this.#recordOf(place.host, place.uuid);
    if (!host || !record) return undefined;
    const { tags = [], title = null, notes = null } = this.names.get(contact) ?? {};
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

  /** Change what is known of a host; whoever listens hears of the host, and of each guest that is touched. */
  protected replace(
    name: string,
    after: SiteHost | undefined,
    touched: Iterable<string>,
    place: () => void = () => {},
  ): void {
    const before = this.#hosts.get(name);
    const guests = [...new Set(touched)].map((contact) => ({ contact, before: this.find(contact) }));
    if (before && !after) this.#byJid.delete(before.jid);
    if (after) this.#put(after);
    else this.#hosts.delete(name);
    place();
    this.tell({ what: 'host', name, before, after });
    for (const { contact, before: guest } of guests)
      this.tell({ what: 'guest', contact, before: guest, after: this.find(contact) });
  }

  #put(host: SiteHost): void {
    this.#hosts.set(host.name, host);
    this.#byJid.set(host.jid, host.name);
  }

  protected tell(change: SiteChange): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(change);
      } catch (error) {
        this.#onBug(error);
      }
    }
  }

  protected time = (): string => new Date(this.#now()).toISOString();
  #recordOf = (host: string, uuid: string): Guest | undefined => this.#hosts.get(host)?.known.guests.get(uuid);
}
