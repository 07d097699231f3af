/**
 * Names of guests at the site: the localpart of each guest's own JID, unique, and kept.
 *
 * A guest is known again by its UUID and name, so that it keeps its contact when it moves between hosts, and when it is away for
 * a while. A new guest gets its own name where that is free, or where the guest that had it is on no host any more; else the name
 * with its host's behind it.
 */
export interface Contact {
  /** Localpart of the guest's JID. */
  contact: string;
  /** As its hypervisor has it. */
  name: string;
  uuid: string;
  tags: readonly string[];
  title: string | null;
  notes: string | null;
}

export interface ContactBook {
  get(contact: string): Contact | undefined;
  /** The contact of this guest: its own, or one that is made for it now. `isFree`: no guest has it at the moment. */
  of(guest: { name: string; uuid: string }, host: string, isFree: (contact: string) => boolean): Contact;
  put(contact: Contact): void;
  remove(contact: string): void;
}

const LOCALPART_BYTES_MAX = 1023;

export function contactBook(known: readonly Contact[]): ContactBook {
  const byName = new Map<string, Contact>();
  const byGuest = new Map<string, string>();
  const put = (contact: Contact): void => {
    const before = byName.get(contact.contact);
    if (before) byGuest.delete(keyOf(before));
    byName.set(contact.contact, contact);
    byGuest.set(keyOf(contact), contact.contact);
  };
  for (const contact of known) put(contact);

  return {
    get: (contact) => byName.get(contact),
    put,
    remove: (contact) => {
      const before = byName.get(contact);
      if (before) byGuest.delete(keyOf(before));
      byName.delete(contact);
    },
    of: (guest, host, isFree) => {
      const own = byGuest.get(keyOf(guest));
      const kept = own === undefined ? undefined : byName.get(own);
      if (kept) return kept;
      const contact = candidates(guest.name, host).find((name) => !byName.has(name) || isFree(name)) ?? guest.uuid;
      const before = byName.get(contact);
      const made: Contact = {
        contact,
        name: guest.name,
        uuid: guest.uuid,
        tags: before?.tags ?? [],
        title: before?.title ?? null,
        notes: before?.notes ?? null,
      };
      put(made);
      return made;
    },
  };
}

const keyOf = ({ name, uuid }: { name: string; uuid: string }): string => `${uuid} ${name}`;

function candidates(name: string, host: string): string[] {
  const own = localpartFor(name);
  const numbered = Array.from({ length: 98 }, (_, n) => `${own}-${host}-${n + 2}`);
  return [own, `${own}-${host}`, ...numbered].filter((text) => Buffer.byteLength(text) <= LOCALPART_BYTES_MAX);
}

const ESCAPED: Readonly<Record<string, string>> = {
  ' ': '\\20',
  '"': '\\22',
  '&': '\\26',
  "'": '\\27',
  '/': '\\2f',
  ':': '\\3a',
  '<': '\\3c',
  '>': '\\3e',
  '@': '\\40',
};

/** A name as a localpart: lower case, since servers compare so, and escaped by XEP-0106. */
export const localpartFor = (name: string): string =>
  name
    .toLowerCase()
    .replace(/\\(?=20|22|26|27|2f|3a|3c|3e|40|5c)/g, '\\5c')
    .replace(/[ "&'/:<>@]/g, (character) => ESCAPED[character] ?? character);
