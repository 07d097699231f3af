import type { DriverGuest } from '#agent/drivers/driver.ts';
import { figure, parseDomstats } from './domstats.ts';
import { guestOf, kibToMib } from './guest-facts.ts';
import { STATE_WORDS, stateOf } from './states.ts';

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
  /** `domstats --state --balloon --vcpu --nowait`; empty where the hypervisor has none */
  stats: string;
}

/**
 * All guests, from few answers; `undefined` in the place of one that must be asked by itself.
 *
 * Must be asked: one whose figures are missing (it appeared meanwhile, or its driver does not tell them), and one whose
 * row in the table of titles cannot be read for sure (the table escapes some letters, and rows may have moved).
 */
export function parseListing(listing: Listing): Map<string, DriverGuest | undefined> {
  const stats = parseDomstats(listing.stats);
  const autostart = new Set(uuidsIn(listing.autostart));
  const persistent = new Set(uuidsIn(listing.persistent));
  const named = parseNames(listing.names);
  const rows = listing.titles.split('\n').filter((line) => line.trim() !== '');
  const guestAt = (id: string, name: string, index: number): DriverGuest | undefined => {
    const figures = stats.get(name);
    const title = rows.length === named.length ? titleIn(rows[index] ?? '', name) : undefined;
    if (title === undefined || !figures?.has('vcpu.current') || !figures.has('balloon.current')) return undefined;
    const facts = {
      id,
      name,
      vcpus: figure(figures, 'vcpu.current'),
      memoryMiB: kibToMib(figure(figures, 'balloon.current')),
      autostart: autostart.has(id),
      persistent: persistent.has(id),
    };
    return guestOf(facts, stateOf(figure(figures, 'state.state'), figure(figures, 'state.reason')), title);
  };
  return new Map(named.map(({ id, name }, index) => [id, guestAt(id, name, index)]));
}

/** Shape: `UUID NAME`, a line each; the name may begin and end with blanks. */
export const parseNames = (stdout: string): { id: string; name: string }[] =>
  stdout
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => ({ id: line.slice(0, UUID_LENGTH), name: line.slice(UUID_LENGTH + 1) }));

const UUID_LENGTH = 36;

/** Shape: a UUID a line. */
const uuidsIn = (stdout: string): string[] => stdout.split('\n').map((line) => line.trim());

/** Shape: ` ID   NAME   STATE   TITLE`, in columns as wide as the widest. `undefined` where it does not read so. */
function titleIn(row: string, name: string): string | undefined {
  const afterId = /^ (?:\d+|-) +/.exec(row)?.[0].length;
  if (afterId === undefined || !row.startsWith(name, afterId) || row.includes('\\x')) return undefined;
  const match = TITLE.exec(row.slice(afterId + name.length));
  return match ? (match[1] ?? '') : undefined;
}

const TITLE = new RegExp(`^ {2,}(?:${STATE_WORDS.join('|')})(?: +(.*))?$`, 'u');
