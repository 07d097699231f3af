import { Cron } from 'croner';
import { Failure, messageOf } from '#shared/errors.ts';
import type { Missed } from '#shared/model/schedule.ts';

/** When something is due, in ms since 1970. */
export interface Times {
  /** The first time after that one. */
  next(afterMs: number): number | undefined;
}

/** RFC 3339, section 5.6. */
const ONE_TIME = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/;

/**
 * A cron expression of five parts in a time zone, or one time.
 *
 * Where clocks are put forward, an expression with one hour and minute is due at the first time after the gap; others leave out what is
 * in it. Where they are put back, the former is due once, the latter in both hours.
 *
 * @throws Failure bad-argument
 */
export function timesOf(when: string, zone: string): Times {
  if (/^\d{4}-/.test(when)) return oneTime(when);
  const cron = cronOf(when, zone);
  return { next: (afterMs) => cron.nextRun(new Date(afterMs))?.getTime() };
}

function oneTime(when: string): Times {
  const [, year, month, day] = ONE_TIME.exec(when) ?? [];
  const atMs = Date.parse(when.toUpperCase());
  // JavaScript takes February 30 for March 2.
  const isDay = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() === Number(day);
  if (day === undefined || Number.isNaN(atMs) || !isDay)
    throw new Failure('bad-argument', { field: 'when', problem: `${when} is no time; try 2027-01-01T03:00:00Z` });
  return { next: (afterMs) => (atMs > afterMs ? atMs : undefined) };
}

function cronOf(when: string, zone: string): Cron {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
  } catch {
    const problem = `there is no time zone ${zone}; try Europe/Berlin or UTC`;
    throw new Failure('bad-argument', { field: 'zone', problem });
  }
  try {
    return new Cron(when, { mode: '5-part', timezone: zone, paused: true });
  } catch (error) {
    const what = messageOf(error).replace(/^CronPattern: /, '');
    const problem = `${what.replace(/\.$/, '')}; use a cron expression as "30 3 * * mon-fri", or a time as 2027-01-01T03:00:00Z`;
    throw new Failure('bad-argument', { field: 'when', problem });
  }
}

/** What is not later than this was not missed. */
export const LATE_MS = 60_000;
/** When the last time lies so far ahead, the clock was wrong then: times count from now on again. */
export const AHEAD_MS = 86_400_000;
const RUNS_MAX = 50;

/** What is to be done now. */
export interface Due {
  /** Times to run for now, the oldest first. There may be more: ask again when these are done. */
  runs: readonly number[];
  /** The newest of the times that went by and are not run. */
  passed?: number;
  /** When the next is due, where there is nothing more to be done now. */
  next?: number;
}

/**
 * @param lastMs the last time that was run or passed over, or when the schedule was made
 */
export function dueOf(times: Times, missed: Missed, lastMs: number, nowMs: number): Due {
  const fromMs = lastMs > nowMs + AHEAD_MS ? nowMs : lastMs;
  const first = times.next(fromMs);
  if (first === undefined) return { runs: [] };
  if (first > nowMs) return { runs: [], next: first };
  if (missed === 'all') return { runs: upTo(times, first, nowMs) };
  const newest = newestOf(times, first, nowMs);
  if (missed === 'once' || nowMs - newest <= LATE_MS) return { runs: [newest] };
  const next = times.next(newest);
  return { runs: [], passed: newest, ...(next === undefined ? {} : { next }) };
}

function upTo(times: Times, first: number, nowMs: number): number[] {
  const all: number[] = [];
  for (
    let at: number | undefined = first;
    at !== undefined && at <= nowMs && all.length < RUNS_MAX;
    at = times.next(at)
  )
    all.push(at);
  return all;
}

/** The newest until now, by halves: a year of minutes is half a million of them. */
function newestOf(times: Times, first: number, nowMs: number): number {
  let newest = first;
  // Nothing is due between this and now.
  let end = nowMs;
  for (;;) {
    const following = times.next(newest);
    if (following === undefined || following > nowMs) return newest;
    newest = following;
    const middle = Math.floor((newest + end) / 2);
    const behind = times.next(middle);
    if (behind !== undefined && behind <= nowMs) newest = behind;
    else end = middle;
  }
}

/** The next so many times. */
export function followingOf(times: Times, fromMs: number, count: number): number[] {
  const all: number[] = [];
  for (let at = times.next(fromMs); at !== undefined && all.length < count; at = times.next(at)) all.push(at);
  return all;
}
