import type { DriverGuest, GuestId } from '#agent/drivers/driver.ts';
import { figure, parseDomstats } from './domstats.ts';
import { guestOf, kibToMib } from './guest-facts.ts';
import { STATE_WORDS, type StateAndReason, stateOf } from './states.ts';

/** What virsh printed of all guests, asked one right after the other. */
export interface Listing {
  /** `list --all --uuid --name` */
  names: string;
  /** `list --all --title` */
  titles: string;
  /** `list --all --uuid --autostart` */
  autostart: string;
  /** `list --all --uuid --persistent` */
  persistent: string;
  /** `domstats --list-active --state`; empty where the hypervisor has none */
  active: string;
  /** `domstats --list-inactive --state --balloon --vcpu`; empty where the hypervisor has none */
  inactive: string;
}

/** A guest in the list: all of it, or all but what its `dominfo` tells, or nothing but its id. */
export interface ListedGuest {
  id: GuestId;
  guest?: DriverGuest;
  known?: StateAndReason & { title: string };
}

/**
 * All guests, from few answers.
 *
 * Nothing but the id is known of one whose state is missing (it appeared meanwhile, or there is no `domstats`), and of
 * one whose row in the table of titles cannot be read for sure (the table escapes some letters, and rows may have moved).
 */
export function parseListing(listing: Listing): ListedGuest[] {
  const stats = new Map([...parseDomstats(listing.active), ...parseDomstats(listing.inactive)]);
  const autostart = new Set(uuidsIn(listing.autostart));
  const persistent = new Set(uuidsIn(listing.persistent));
  const named = parseNames(listing.names);
  const rows = listing.titles.split('\n').filter((line) => line.trim() !== '');
  return named.map(({ id, name }, index): ListedGuest => {
    const figures = stats.get(name);
    const title = rows.length === named.length ? titleIn(rows[index] ?? '', name) : undefined;
    if (title === undefined || !figures) return { id };
    const known = { ...stateOf(figure(figures, 'state.state'), figure(figures, 'state.reason')), title };
    if (!figures.has('vcpu.current') || !figures.has('balloon.current')) return { id, known };
    const facts = {
      id,
      name,
      vcpus: figure(figures, 'vcpu.current'),
      memoryMiB: kibToMib(figure(figures, 'balloon.current')),
      autostart: autostart.has(id),
      persistent: persistent.has(id),
    };
    return { id, guest: guestOf(facts, known, title) };
  });
}

/** Shape: `UUID NAME`, a line each; the name may begin and end with blanks. */
export const parseNames = (stdout: string): { id: string; name: string }[] =>
  stdout
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => ({ id: line.slice(0, UUID_LENGTH), name: line.slice(UUID_LENGTH + 1) }));

const UUID_LENGTH = 36;

/** Shape: a UUID a line. */
export const uuidsIn = (stdout: string): string[] => stdout.split('\n').map((line) => line.trim());

/** Shape: ` ID   NAME   STATE   TITLE`, in columns as wide as the widest. `undefined` where it does not read so. */
function titleIn(row: string, name: string): string | undefined {
  const afterId = /^ (?:\d+|-) +/.exec(row)?.[0].length;
  if (afterId === undefined || !row.startsWith(name, afterId) || row.includes('\\x')) return undefined;
  const match = TITLE.exec(row.slice(afterId + name.length));
  return match ? (match[1] ?? '') : undefined;
}

const TITLE = new RegExp(`^ {2,}(?:${STATE_WORDS.join('|')})(?: +(.*))?$`, 'u');
