/**
 * What one report makes of what is known of a host. Pure: no clock, no database, no XMPP.
 *
 * A report counts once, in order, of the newest epoch. One that repeats what was taken changes nothing and is acknowledged: its
 * sender did not get the answer. Where a number is missing, the sender is asked for a snapshot. A snapshot in parts takes effect with
 * its last part, so that nobody sees half of a host.
 */
import { type Guest, sameGuest } from '#shared/model/guest.ts';
import type { HostFacts, Report } from '#shared/model/report.ts';

/** A host as its reports tell it. */
export interface KnownHost {
  epoch: number;
  seq: number;
  facts: HostFacts | undefined;
  /** By UUID. */
  guests: ReadonlyMap<string, Guest>;
  /** Parts of a snapshot whose last one is still to come. */
  gathering?: { nextPart: number; guests: ReadonlyMap<string, Guest> };
}

export interface GuestDifference {
  uuid: string;
  before: Guest | undefined;
  after: Guest | undefined;
}

export type Taken =
  | { verdict: 'taken'; known: KnownHost; differences: readonly GuestDifference[] }
  | { verdict: 'repeated' | 'gap' | 'late' };

export const UNKNOWN_HOST: KnownHost = { epoch: 0, seq: 0, facts: undefined, guests: new Map() };

export function fold(known: KnownHost, report: Report): Taken {
  if (report.epoch < known.epoch) return { verdict: 'late' };
  const isSameEpoch = report.epoch === known.epoch;
  if (report.kind === 'blind') return blind(known, report);
  if (report.kind === 'alive') return alive(known, report);
  if (isSameEpoch && report.seq <= known.seq) return { verdict: 'repeated' };
  const isNext = isSameEpoch && report.seq === known.seq + 1;
  if (report.kind === 'snapshot') return snapshot(known, report, isNext);
  return isNext && known.gathering === undefined ? change(known, report) : { verdict: 'gap' };
}

/** What was known of the host and its guests stays; only that it is degraded is new, and that no driver has told of guests. */
function blind(known: KnownHost, { host }: Report): Taken {
  const { silent: _, ...before }: Partial<HostFacts> = known.facts ?? {};
  return { verdict: 'taken', known: { ...known, facts: { ...before, ...host } }, differences: [] };
}

function alive(known: KnownHost, { epoch, seq, host }: Report): Taken {
  const isWhole = known.gathering === undefined && known.facts !== undefined;
  if (epoch !== known.epoch || seq !== known.seq || !isWhole) return { verdict: 'gap' };
  return { verdict: 'taken', known: { ...known, facts: host }, differences: [] };
}

function snapshot(known: KnownHost, report: Report, isNext: boolean): Taken {
  const { epoch, seq, part, more, host } = report;
  const { gathering } = known;
  const goesOn = part > 0 && isNext && gathering?.nextPart === part;
  if (part > 0 && !goesOn) return { verdict: 'gap' };
  const gathered = new Map(part === 0 ? [] : gathering?.guests);
  for (const guest of report.guests) gathered.set(guest.uuid, guest);
  if (more) {
    const soFar = { ...known, epoch, seq, gathering: { nextPart: part + 1, guests: gathered } };
    return { verdict: 'taken', known: soFar, differences: [] };
  }
  const differences = differencesOf(known.guests, gathered);
  return { verdict: 'taken', known: { epoch, seq, facts: host, guests: gathered }, differences };
}

function change(known: KnownHost, { epoch, seq, host, guests, gone }: Report): Taken {
  const after = new Map(known.guests);
  for (const guest of guests) after.set(guest.uuid, guest);
  for (const uuid of gone) after.delete(uuid);
  const touched = new Set([...guests.map(({ uuid }) => uuid), ...gone]);
  const differences = [...touched].flatMap((uuid) => differenceOf(uuid, known.guests.get(uuid), after.get(uuid)));
  return { verdict: 'taken', known: { epoch, seq, facts: host, guests: after }, differences };
}

function differencesOf(before: ReadonlyMap<string, Guest>, after: ReadonlyMap<string, Guest>): GuestDifference[] {
  const uuids = new Set([...before.keys(), ...after.keys()]);
  return [...uuids].flatMap((uuid) => differenceOf(uuid, before.get(uuid), after.get(uuid)));
}

function differenceOf(uuid: string, before: Guest | undefined, after: Guest | undefined): GuestDifference[] {
  return sameGuest(before, after) ? [] : [{ uuid, before, after }];
}
