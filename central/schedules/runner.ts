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
import type { JobRunner } from '#shared/verb/job-runner.ts';
import type { Schedule, StoredSchedule } from './store.ts';
import { AHEAD_MS } from './times.ts';
import { cutOffAt, type Entry, endOf, entryOf, lastOf, type TurnDeps, turner } from './turn.ts';

export interface RunnerDeps extends TurnDeps {
  loaded: readonly StoredSchedule[];
  jobs: Pick<JobRunner, 'find' | 'onJob'>;
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

const byName = (a: StoredSchedule, b: StoredSchedule): number => (a.schedule.name < b.schedule.name ? -1 : 1);
/** Whether there may be something to do. */
const wants = ({ kept, isUnwritten }: Entry, now: number): boolean =>
  isUnwritten ||
  cutOffAt(kept) !== undefined ||
  lastOf(kept) > now + AHEAD_MS ||
  (kept.nextAt !== null && Date.parse(kept.nextAt) <= now);
