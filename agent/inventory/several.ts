/**
 * The inventory of a host with several drivers: each has one of its own, so that a hypervisor that does not answer takes nothing from
 * the guests of another.
 *
 * Names are unique over the host. Where guests of two drivers have one name, that of the driver that comes first keeps it; the other
 * is shown with its driver's behind it (`web1.lxc`), and goes by that name.
 *
 * Nothing is told before all of them were read once: who is told less than all guests would take the others for gone.
 */
import type { DriverName, GuestId, HypervisorDriver } from '#agent/drivers/driver.ts';
import { hostOf } from '#agent/drivers/several.ts';
import { Failure } from '#shared/errors.ts';
import { type Guest, isActive, sameGuest } from '#shared/model/guest.ts';
import type { InventoryChange } from './entries.ts';
import { type Inventory, type InventoryDeps, inventory } from './inventory.ts';
import { listeners } from './listeners.ts';

/** The inventory of whatever drives the guests here: one driver, or several in one. */
export function hostInventory(deps: InventoryDeps & { driver: Pick<HypervisorDriver, 'parts'> }): Inventory {
  const { driver, host, log, onBug } = deps;
  if (!driver.parts) return inventory(deps);
  const parts = Array.from(driver.parts, ([name, part]) => {
    const logOf =
      (level: 'info' | 'warn' | 'error') =>
      (fields: object, message: string): void =>
        log[level]({ driver: name, ...fields }, message);
    const own = { info: logOf('info'), warn: logOf('warn'), error: logOf('error') };
    return [name, inventory({ ...deps, driver: part, log: own })] as const;
  });
  return severalInventories(new Map(parts), host, onBug);
}

export function severalInventories(
  parts: ReadonlyMap<DriverName, Inventory>,
  host: string,
  onBug: (error: unknown) => void,
): Inventory {
  const all = [...parts.values()];
  const changes = listeners<InventoryChange>(onBug);
  const states = listeners<Inventory['state']>(onBug);
  const shown = shownGuests(parts);
  const stateNow = (): Inventory['state'] => (all.every(({ state }) => state === 'up') ? 'up' : 'degraded');
  const wereRead = new Set<Inventory>();
  const silentNow = (): DriverName[] => Array.from(parts, ([name, part]) => (part.state === 'up' ? [] : [name])).flat();
  let state = stateNow();
  let silent = silentNow();

  for (const [name, part] of parts) {
    part.onChange((change) => {
      for (const difference of shown.changed(name, change)) changes.tell({ ...difference, why: change.why });
    });
    part.onState(() => {
      if (part.state === 'up') wereRead.add(part);
      const before = silent;
      silent = silentNow();
      state = stateNow();
      if (silent.join() !== before.join()) states.tell(state);
    });
  }
  const problemNow = (): string | undefined => {
    const problems = Array.from(parts, ([name, { problem }]) => (problem === undefined ? [] : [`${name}: ${problem}`]));
    return problems.flat().join('; ') || undefined;
  };
  const requireRead = (): void => {
    if (wereRead.size < parts.size) throw new Failure('host-unreachable', { host, problem: problemNow() });
  };

  return {
    get state() {
      return state;
    },
    get problem() {
      return problemNow();
    },
    get silent() {
      return wereRead.size === parts.size ? silent : undefined;
    },
    get host() {
      const hosts = all.flatMap((part) => part.host ?? []);
      return hosts.length === all.length && wereRead.size === all.length ? hostOf(hosts) : undefined;
    },
    find: shown.named,
    guests: () => {
      requireRead();
      return shown.all();
    },
    guest: (name) => {
      const guest = shown.named(name);
      if (guest) return guest;
      requireRead();
      throw new Failure('guest-not-found', { guest: name, host });
    },
    refresh: async (id, signal) => {
      const owner = shown.ownerOf(id);
      if (owner) await parts.get(owner)?.refresh(id, signal);
      else await refreshAny(all, id, signal);
      return shown.get(id);
    },
    onChange: changes.listen,
    onState: states.listen,
    start: async () => {
      await Promise.all(all.map((part) => part.start()));
    },
    stop: async () => {
      await Promise.all(all.map((part) => part.stop()));
    },
    settled: async () => {
      await Promise.all(all.map((part) => part.settled()));
    },
  };
}

/** A guest that nobody has heard of yet: it may be of any of them. @throws why one of them could not be asked, where none has it */
async function refreshAny(all: readonly Inventory[], id: GuestId, signal: AbortSignal): Promise<void> {
  const looked = await Promise.allSettled(all.map((part) => part.refresh(id, signal)));
  if (looked.some((look) => look.status === 'fulfilled' && look.value !== undefined)) return;
  const failed = looked.find((look) => look.status === 'rejected');
  if (failed) throw failed.reason;
}

type Difference = Pick<InventoryChange, 'id' | 'before' | 'after'>;

interface Shown {
  get(id: GuestId): Guest | undefined;
  named(name: string): Guest | undefined;
  ownerOf(id: GuestId): DriverName | undefined;
  /** Sorted by name. */
  all(): readonly Guest[];
  /** A part tells of a change: what is shown otherwise by it. */
  changed(driver: DriverName, change: Difference): Difference[];
}

/** Guests of all parts, by the names that they are shown by. */
function shownGuests(parts: ReadonlyMap<DriverName, unknown>): Shown {
  const known = new Map(Array.from(parts.keys(), (driver) => [driver, new Map<GuestId, Guest>()]));
  const shown = new Map<GuestId, Guest>();
  let sorted: readonly Guest[] | undefined;

  /** The guests of these names, the first of each first. */
  const namesakes = (names: ReadonlySet<string>): Guest[] => {
    const taken = new Set<string>();
    return Array.from(known, ([driver, guests]) => {
      const here = [...guests.values()].filter(({ name }) => names.has(name));
      const seen = here.map((guest) => (taken.has(guest.name) ? { ...guest, name: `${guest.name}.${driver}` } : guest));
      for (const { name } of here) taken.add(name);
      return seen;
    }).flat();
  };
  const show = (id: GuestId, after: Guest | undefined): Difference[] => {
    const before = shown.get(id);
    if (sameGuest(before, after)) return [];
    sorted = undefined;
    if (after) shown.set(id, after);
    else shown.delete(id);
    return [{ id, before, after }];
  };

  return {
    get: (id) => shown.get(id),
    named: (name) => {
      const guests = shown
        .values()
        .filter((guest) => guest.name === name)
        .toArray();
      // Of one driver there are two for a moment, while one goes and the other comes.
      return guests.find(({ state }) => isActive(state)) ?? guests[0];
    },
    ownerOf: (id) => known.entries().find(([, guests]) => guests.has(id))?.[0],
    all: () => {
      sorted ??= [...shown.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
      return sorted;
    },
    changed: (driver, { id, before, after }) => {
      if (after) known.get(driver)?.set(id, after);
      else known.get(driver)?.delete(id);
      const names = new Set([before, after].flatMap((guest) => guest?.name ?? []));
      return [...(after ? [] : show(id, undefined)), ...namesakes(names).flatMap((guest) => show(guest.uuid, guest))];
    },
  };
}
