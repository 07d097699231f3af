/**
 * Responsibilities: change what is known of hosts and guests (known-site.ts): by what agents report, and by what people say. Keep it over restarts.
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
import { turns } from '#shared/turns.ts';
import type { Contact } from './contacts.ts';
import { fold, type GuestDifference, type KnownHost, UNKNOWN_HOST } from './fold.ts';
import { KnownSite, type KnownSiteDeps, type SiteGuest, type SiteHost } from './known-site.ts';
import type { GuestWrite, InventoryStore } from './store.ts';

/** What people say of a guest or a host. */
export type Description = Pick<Contact, 'tags' | 'title' | 'notes'>;

type Describe = (before: Description) => Partial<Description>;

export interface SiteDeps extends KnownSiteDeps {
  store: InventoryStore;
}

export class Site extends KnownSite {
  readonly #store: InventoryStore;
  /** Of each host or guest: reports of one host are taken one after the other. */
  readonly #inTurn = turns();

  constructor({ store, ...deps }: SiteDeps) {
    super(deps);
    this.#store = store;
  }

  /** Take what an agent reports; resolves when it is kept. @throws Failure not-permitted, report-gap, report-late, host-space */
  take(bareJid: string, report: Report): Promise<void> {
    const name = this.hostByJid(bareJid)?.name ?? '';
    return this.#inTurn(name, async () => {
      const host = this.findHost(name);
      if (!host) throw new Failure('not-permitted', { requester: bareJid, verb: 'report' });
      await this.#take(host, report);
    });
  }

  /** A host is silent. Its guests keep the state that was known last. */
  lose(name: string, problem: string): void {
    const host = this.findHost(name);
    if (!host || host.reach === 'unreachable') return;
    const since = host.heardAt ?? host.since;
    this.replace(name, { ...host, reach: 'unreachable', problem, since }, this.contactsAt(name));
  }

  /** @throws Failure host-exists, host-space */
  enrol(name: string, jid: string): Promise<void> {
    return this.#inTurn(name, async () => {
      if (this.findHost(name)) throw new Failure('host-exists', { host: name });
      const at = this.time();
      const none = { tags: [], title: null, notes: null, heardAt: null, known: UNKNOWN_HOST };
      const host: SiteHost = { ...none, name, jid, enrolledAt: at, reach: 'stale', since: at };
      await this.#store.putHost(host);
      this.replace(name, host, []);
    });
  }

  /** @param also what is written in the same transaction @throws Failure host-not-found, host-space */
  forget(name: string, also?: Writes): Promise<void> {
    return this.#inTurn(name, async () => {
      this.host(name);
      await this.#store.removeHost(name, also);
      this.replace(name, undefined, this.contactsAt(name), () => this.places.removeAll(name));
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
      this.replace(name, after, []);
    });
  }

  /** The same of a guest. @throws Failure guest-not-found, host-space; what `change` throws */
  describeGuest(contact: string, change: Describe, also?: (after: SiteGuest) => Writes): Promise<void> {
    // A blank is in no host's name: guests have turns of their own.
    return this.#inTurn(`guest ${contact}`, async () => {
      const before = this.guest(contact);
      const known = this.names.get(contact);
      if (!known) throw new Failure('guest-not-found', { guest: contact, host: 'any host' });
      const after = { ...known, ...change(known) };
      const { tags, title, notes } = after;
      await this.#store.putContact(after, also?.({ ...before, tags, title, notes }));
      this.names.put(after);
      this.tell({ what: 'guest', contact, before, after: this.find(contact) });
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
    this.replace(host.name, after, all, () => {
      for (const { uuid, contact } of placed) {
        if (contact) this.places.put(contact.contact, host.name, uuid);
        else this.places.remove(host.name, uuid);
      }
    });
  }

  #heard({ problem: _, ...host }: SiteHost, known: KnownHost): SiteHost {
    const at = this.time();
    return { ...host, known, reach: 'heard', since: host.reach === 'heard' ? host.since : at, heardAt: at };
  }

  /** A guest that is new on this host gets its contact; one that is there keeps it, unless its name changed. */
  #placedBy(host: string, { uuid, before, after }: GuestDifference): Placing {
    const old = this.places.contactAt(host, uuid);
    if (!after) return { uuid, old, contact: undefined, after };
    const kept = old !== undefined && before?.name === after.name ? this.names.get(old) : undefined;
    const isFree = (contact: string): boolean => this.find(contact) === undefined;
    return { uuid, old, contact: kept ?? this.names.of(after, host, isFree), after };
  }
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
