import type { Transaction } from 'kysely';
import type { Database } from '#central/database/open.ts';
import type { Tables } from '#central/database/schema.ts';
import type { Writer, Writes } from '#central/database/writer.ts';
import { Guest } from '#shared/model/guest.ts';
import { HostFacts } from '#shared/model/report.ts';
import type { Contact } from './contacts.ts';
import type { KnownHost } from './fold.ts';

/** A host as central keeps it. */
export interface StoredHost {
  name: string;
  jid: string;
  enrolledAt: string;
  heardAt: string | null;
  tags: readonly string[];
  title: string | null;
  notes: string | null;
  known: KnownHost;
}

/** A guest on a host: where its record stands. */
export interface Placed {
  guest: Guest;
  contact: string;
}

export interface Loaded {
  hosts: StoredHost[];
  contacts: Contact[];
  /** By host, then by UUID: the contact. */
  contactOf: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

/** Read all that was known. */
export async function loadInventory(database: Database): Promise<Loaded> {
  const contacts = await database.selectFrom('contacts').selectAll().execute();
  const contactOf = new Map<string, Map<string, string>>();
  const guestsOf = new Map<string, Map<string, Guest>>();
  for (const { host, uuid, contact, record } of await database.selectFrom('guests').selectAll().execute()) {
    mapIn(contactOf, host).set(uuid, contact);
    mapIn(guestsOf, host).set(uuid, Guest.parse(JSON.parse(record)));
  }
  const hosts = await database.selectFrom('hosts').selectAll().execute();
  return {
    contactOf,
    contacts: contacts.map((row) => ({ ...row, tags: JSON.parse(row.tags) })),
    hosts: hosts.map((row) => ({
      name: row.name,
      jid: row.jid,
      enrolledAt: row.enrolled_at,
      heardAt: row.heard_at,
      tags: JSON.parse(row.tags),
      title: row.title,
      notes: row.notes,
      known: {
        epoch: row.epoch,
        seq: row.seq,
        facts: row.facts === null ? undefined : HostFacts.parse(JSON.parse(row.facts)),
        guests: guestsOf.get(row.name) ?? new Map(),
      },
    })),
  };
}

function mapIn<V>(maps: Map<string, Map<string, V>>, key: string): Map<string, V> {
  const known = maps.get(key);
  if (known) return known;
  const made = new Map<string, V>();
  maps.set(key, made);
  return made;
}

export interface GuestWrite {
  uuid: string;
  /** Undefined: it is gone. */
  placed: Placed | undefined;
}

export function inventoryStore(writer: Writer) {
  return {
    putHost: (host: StoredHost, also?: Writes): Promise<void> =>
      writer.write(async (transaction) => {
        await putHost(transaction, host);
        await also?.(transaction);
      }),
    putContact: (contact: Contact, also?: Writes): Promise<void> =>
      writer.write(async (transaction) => {
        await putContact(transaction, contact);
        await also?.(transaction);
      }),
    /** A host after a report, the guests that differ, and the contacts that were made for them: all of it or nothing. */
    putReport: (host: StoredHost, guests: readonly GuestWrite[], contacts: readonly Contact[]): Promise<void> =>
      writer.write(async (transaction) => {
        await putHost(transaction, host);
        for (const contact of contacts) await putContact(transaction, contact);
        for (const guest of guests) await putGuest(transaction, host.name, guest);
      }),
    removeHost: (name: string, also?: Writes): Promise<void> =>
      writer.write(async (transaction) => {
        await transaction.deleteFrom('guests').where('host', '=', name).execute();
        await transaction.deleteFrom('hosts').where('name', '=', name).execute();
        await also?.(transaction);
      }),
  };
}

async function putHost(transaction: Transaction<Tables>, host: StoredHost): Promise<void> {
  const { epoch, seq, facts, gathering } = host.known;
  const row = {
    jid: host.jid,
    enrolled_at: host.enrolledAt,
    heard_at: host.heardAt,
    // While a snapshot comes in parts nothing of it is kept: after a crash it is asked for anew.
    epoch,
    seq: gathering ? 0 : seq,
    facts: facts ? JSON.stringify(facts) : null,
    tags: JSON.stringify(host.tags),
    title: host.title,
    notes: host.notes,
  };
  await transaction
    .insertInto('hosts')
    .values({ name: host.name, ...row })
    .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
    .execute();
}

async function putContact(transaction: Transaction<Tables>, { contact, tags, ...rest }: Contact): Promise<void> {
  const row = { ...rest, tags: JSON.stringify(tags) };
  await transaction
    .insertInto('contacts')
    .values({ contact, ...row })
    .onConflict((conflict) => conflict.column('contact').doUpdateSet(row))
    .execute();
}

async function putGuest(transaction: Transaction<Tables>, host: string, { uuid, placed }: GuestWrite): Promise<void> {
  if (!placed) {
    await transaction.deleteFrom('guests').where('host', '=', host).where('uuid', '=', uuid).execute();
    return;
  }
  const row = { contact: placed.contact, record: JSON.stringify(placed.guest) };
  await transaction
    .insertInto('guests')
    .values({ host, uuid, ...row })
    .onConflict((conflict) => conflict.columns(['host', 'uuid']).doUpdateSet(row))
    .execute();
}

export type InventoryStore = ReturnType<typeof inventoryStore>;
