/**
 * Responsibilities: run verbs when they are due, each due time once, whatever becomes of the program meanwhile.
 *
 * Theory of operation: what is due follows from the schedule, the last time that was dealt with, and the clock (times.ts). Before a run
 * it is written down that its due time is being carried out; after it, how it went. The operation id of a run is made from the schedule's
 * name and the due time, so that a run that was cut off is asked again under the same id, and the journal sees to it that it acts once.
 * Runs of one schedule follow each other; schedules do not wait for one another. A run that began a job has gone as that job goes: its end
 * is written down when it comes, or when it is found at the next start, unless another run has begun by then.
 *
 * What can go wrong: the clock is set forward: what lies between was missed. It is set back: what was run is not run again. There is no
 * room on the disk: nothing is run that cannot be written down first; it is tried again at the next look.
 */
import type { Writes } from '#central/database/writer.ts';
import type { Clock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import type { JobRunner } from '#shared/verb/job-runner.ts';
import type { Perform } from '#shared/verb/request.ts';
import type { LastRun, Schedule, ScheduleStore, StoredSchedule } from './store.ts';
import { AHEAD_MS, dueOf, type Times, timesOf } from './times.ts';

export interface RunnerDeps {
  loaded: readonly StoredSchedule[];
  store: ScheduleStore;
  perform: Perform;
  jobs: Pick<JobRunner, 'find' | 'onJob'>;
  clock: Clock;
  onBug(error: unknown): void;
}

export interface ScheduleRunner {
  /** Run what is due, from now on. */
  start(): void;
  /** What runs goes on, and is asked again under the same id by the next start of the program. */
  stop(): void;
  /** By name. */
  list(): readonly StoredSchedule[];
  find(name: string): StoredSchedule | undefined;
  /** @param also what is written in the same transaction @throws Failure host-space */
  add(schedule: Schedule, also?: (stored: StoredSchedule) => Writes): Promise<StoredSchedule>;
  /** @throws Failure host-space */
  remove(name: string, also?: Writes): Promise<void>;
}

/** Timers count no clock that is set, and none counts further than 2^31 ms: so often the clock is looked at in any case. */
const LOOK_MS = 30_000;

interface Entry {
  times: Times;
  kept: StoredSchedule;
  isBusy: boolean;
  hasFailed: boolean;
  /** What is kept found no room yet. */
  isUnwritten: boolean;
}

export function scheduleRunner(deps: RunnerDeps): ScheduleRunner {
  const { loaded, store, jobs, clock, onBug } = deps;
  const entries = entriesOf(loaded, onBug);
  let isRunning = false;
  let callOff = (): void => {};
  let offJobs = (): void => {};

  const isThere = (entry: Entry): boolean => isRunning && entries.get(entry.kept.schedule.name) === entry;
  const turn = turner(deps, () => isRunning, isThere);
  const take = async (entry: Entry): Promise<void> => {
    entry.isBusy = true;
    entry.hasFailed = false;
    try {
      await turn(entry);
    } catch (error) {
      entry.hasFailed = true;
      onBug(error);
    } finally {
      entry.isBusy = false;
      arm();
    }
  };
  const look = (): void => {
    const now = clock.now();
    for (const entry of entries.values())
      if (!entry.isBusy && (wants(entry, now) || endOf(jobs, entry.kept.lastRun))) void take(entry);
    arm();
  };
  const arm = (): void => {
    callOff();
    if (!isRunning) return;
    const now = clock.now();
    // What failed is tried again at the next look, and not at once.
    const waits = [...entries.values()].flatMap(({ isBusy, hasFailed, kept: { nextAt, lastRun } }) => {
      if (isBusy || hasFailed) return [];
      if (endOf(jobs, lastRun)) return [0];
      return nextAt === null ? [] : [Math.max(0, Date.parse(nextAt) - now)];
    });
    callOff = clock.after(
      waits.reduce((a, b) => Math.min(a, b), LOOK_MS),
      look,
    );
  };

  return {
    start: () => {
      isRunning = true;
      offJobs = jobs.onJob(({ id, state }) => {
        const isOurs = (entry: Entry): boolean => entry.kept.lastRun?.job === id;
        if (state !== 'running' && entries.values().some(isOurs)) look();
      });
      look();
    },
    stop: () => {
      isRunning = false;
      callOff();
      offJobs();
    },
    list: () => [...entries.values()].map(({ kept }) => kept).toSorted(byName),
    find: (name) => entries.get(name)?.kept,
    add: async (schedule, also) => {
      const entry = { ...entryOf({ schedule, lastAt: null, nextAt: null, lastRun: null }), isBusy: true };
      entries.set(schedule.name, entry);
      try {
        await store.add(entry.kept, also?.(entry.kept));
      } catch (error) {
        entries.delete(schedule.name);
        throw error;
      }
      entry.isBusy = false;
      if (isRunning) look();
      return entry.kept;
    },
    remove: async (name, also) => {
      await store.remove(name, also);
      entries.delete(name);
    },
  };
}

/** Deal with all that there is to deal with of one schedule. @throws Failure host-space: the rest waits */
function turner(
  { store, perform, jobs, clock }: RunnerDeps,
  isRunning: () => boolean,
  isThere: (entry: Entry) => boolean,
): (entry: Entry) => Promise<void> {
  const put = async (entry: Entry, change: Partial<StoredSchedule>): Promise<void> => {
    const kept = { ...entry.kept, ...change };
    await store.put(kept);
    entry.kept = kept;
  };
  /** What happened cannot be taken back for want of room: it counts, and is written as soon as it can be. */
  const settle = async (entry: Entry, change: Partial<StoredSchedule>): Promise<void> => {
    entry.kept = { ...entry.kept, ...change };
    entry.isUnwritten = true;
    await store.put(entry.kept);
    entry.isUnwritten = false;
  };

  const carryOut = async (entry: Entry, dueMs: number): Promise<void> => {
    const due = new Date(dueMs).toISOString();
    await put(entry, { lastRun: { due, outcome: 'running' } });
    const run = await runOf(perform, entry.kept.schedule, due);
    if (!isRunning()) return;
    const lastRun = endOf(jobs, run) ?? run;
    const next = entry.times.next(dueMs);
    await settle(entry, { lastRun, lastAt: due, nextAt: isoOf(next) });
  };
  return async (entry) => {
    if (entry.isUnwritten) await settle(entry, {});
    const lastRun = endOf(jobs, entry.kept.lastRun);
    if (lastRun) await settle(entry, { lastRun });
    while (isThere(entry)) {
      const cutOff = cutOffAt(entry.kept);
      const due =
        cutOff === undefined
          ? dueOf(entry.times, entry.kept.schedule.missed, lastOf(entry.kept), clock.now())
          : { runs: [cutOff] };
      if (due.passed !== undefined) {
        const passed = new Date(due.passed).toISOString();
        await settle(entry, { lastAt: passed, lastRun: { due: passed, outcome: 'skipped' }, nextAt: isoOf(due.next) });
      }
      if (due.runs.length === 0) {
        entry.kept = { ...entry.kept, nextAt: isoOf(due.next) };
        return;
      }
      for (const dueMs of due.runs) if (isThere(entry)) await carryOut(entry, dueMs);
    }
  };
}

function entriesOf(loaded: readonly StoredSchedule[], onBug: (error: unknown) => void): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const kept of loaded) {
    try {
      entries.set(kept.schedule.name, entryOf(kept));
    } catch (error) {
      // As when the time zone is not known to this system any more: the others run all the same.
      onBug(error);
    }
  }
  return entries;
}

/** @throws Failure bad-argument */
function entryOf(stored: StoredSchedule): Entry {
  const times = timesOf(stored.schedule.when, stored.schedule.zone);
  const kept = { ...stored, nextAt: isoOf(times.next(lastOf(stored))) };
  return { kept, times, isBusy: false, hasFailed: false, isUnwritten: false };
}
const byName = (a: StoredSchedule, b: StoredSchedule): number => (a.schedule.name < b.schedule.name ? -1 : 1);
const isoOf = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString());
const lastOf = ({ lastAt, schedule }: StoredSchedule): number => Date.parse(lastAt ?? schedule.addedAt);

/** The due time whose run was cut off, as by the program's end. */
const cutOffAt = ({ lastRun }: StoredSchedule): number | undefined =>
  lastRun?.outcome === 'running' ? Date.parse(lastRun.due) : undefined;

/** How a run that began a job has ended, where that is known and was not yet. */
function endOf(jobs: RunnerDeps['jobs'], run: LastRun | null): LastRun | undefined {
  if (run?.outcome !== 'begun' || run.job === undefined) return undefined;
  const job = jobs.find(run.job);
  if (job === undefined || job.state === 'running') return undefined;
  const { outcome = 'internal', progress } = job;
  return { ...run, outcome, ...(outcome === 'done' ? {} : { text: progress }) };
}

/** Whether there may be something to do. */
const wants = ({ kept, isUnwritten }: Entry, now: number): boolean =>
  isUnwritten ||
  cutOffAt(kept) !== undefined ||
  lastOf(kept) > now + AHEAD_MS ||
  (kept.nextAt !== null && Date.parse(kept.nextAt) <= now);

/** The same for the same due time: what the journal knows it by. */
export const operationOf = (name: string, due: string): string => `schedule ${name} ${due}`;

async function runOf(
  perform: Perform,
  { name, verb, args, requester, confirmed }: Schedule,
  due: string,
): Promise<LastRun> {
  try {
    const answer = await perform({
      verb,
      args,
      requester: { bareJid: requester, fullJid: requester },
      surface: 'schedule',
      operation: operationOf(name, due),
      confirmed,
    });
    return answer.kind === 'job' ? { due, outcome: 'begun', job: answer.job.id } : { due, outcome: 'done' };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { due, outcome: error.code, text: error.message };
  }
}
