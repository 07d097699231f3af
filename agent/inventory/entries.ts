import type { DriverGuest, GuestEvent, GuestId } from '#agent/drivers/driver.ts';
import { type Guest, isActive, sameGuest } from '#shared/model/guest.ts';

/** A guest of this host: its driver is known. */
export type HostGuest = Guest & Pick<DriverGuest, 'driver'>;

/** What became of a guest: it came, it changed, or it went. */
export interface Difference {
  id: GuestId;
  before: Guest | undefined;
  after: Guest | undefined;
}

/** The same, and by what it came to be known. */
export interface InventoryChange extends Difference {
  why: GuestEvent | 'read' | 'addresses';
}

/**
 * The guests by id and by name, as they were last known.
 *
 * Two guests of one name are possible for a moment, while one goes and the other comes: then the name means the one that
 * is active, else the one that was known first.
 */
export interface Entries {
  all(): readonly Guest[];
  get(id: GuestId): HostGuest | undefined;
  idOf(name: string): GuestId | undefined;
  ids(): GuestId[];
  put(guest: DriverGuest): Difference | undefined;
  setAddresses(id: GuestId, addresses: readonly string[]): Difference | undefined;
  remove(id: GuestId): Difference | undefined;
}

export function entries(host: string): Entries {
  const guests = new Map<GuestId, HostGuest>();
  const idsByName = new Map<string, GuestId[]>();
  let sorted: readonly Guest[] | undefined;

  const unname = ({ name, uuid }: Guest): void => {
    const left = (idsByName.get(name) ?? []).filter((id) => id !== uuid);
    if (left.length > 0) idsByName.set(name, left);
    else idsByName.delete(name);
  };
  const store = (id: GuestId, before: HostGuest | undefined, after: HostGuest | undefined): Difference | undefined => {
    if (sameGuest(before, after)) return undefined;
    sorted = undefined;
    if (before && before.name !== after?.name) unname(before);
    if (after && before?.name !== after.name) idsByName.set(after.name, [...(idsByName.get(after.name) ?? []), id]);
    if (after) guests.set(id, after);
    else guests.delete(id);
    return { id, before, after };
  };

  return {
    all: () => {
      sorted ??= [...guests.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
      return sorted;
    },
    get: (id) => guests.get(id),
    idOf: (name) => {
      const ids = idsByName.get(name) ?? [];
      if (ids.length < 2) return ids[0];
      return ids.find((id) => isActive(guests.get(id)?.state ?? 'shutoff')) ?? ids[0];
    },
    ids: () => [...guests.keys()],
    put: ({ id, ...known }) => {
      const before = guests.get(id);
      const addresses = isActive(known.state) ? (before?.addresses ?? []) : [];
      return store(id, before, { ...known, uuid: id, host, addresses });
    },
    setAddresses: (id, addresses) => {
      const before = guests.get(id);
      return before && isActive(before.state) ? store(id, before, { ...before, addresses: [...addresses] }) : undefined;
    },
    remove: (id) => store(id, guests.get(id), undefined),
  };
}
