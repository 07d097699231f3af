/** What is dealt with of one schedule when its turn has come: what is due is run, and all is written down. */
import type { Clock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import type { JobRunner } from '#shared/verb/job-runner.ts';
import type { Perform } from '#shared/verb/request.ts';
import type { LastRun, Schedule, ScheduleStore, StoredSchedule } from './store.ts';
import { dueOf, type Times, timesOf } from './times.ts';

export interface TurnDeps {
  store: ScheduleStore;
  perform: Perform;
  jobs: Pick<JobRunner, 'find'>;
  clock: Clock;
}

export interface Entry {
  times: Times;
  kept: StoredSchedule;
  isBusy: boolean;
  hasFailed: boolean;
  /** What is kept found no room yet. */
  isUnwritten: boolean;
}

/** Deal with all that there is to deal with of one schedule. @throws Failure host-space: the rest waits */
export function turner(
  { store, perform, jobs, clock }: TurnDeps,
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

/** @throws Failure bad-argument */
export function entryOf(stored: StoredSchedule): Entry {
  const times = timesOf(stored.schedule.when, stored.schedule.zone);
  const kept = { ...stored, nextAt: isoOf(times.next(lastOf(stored))) };
  return { kept, times, isBusy: false, hasFailed: false, isUnwritten: false };
}
const isoOf = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString());
export const lastOf = ({ lastAt, schedule }: StoredSchedule): number => Date.parse(lastAt ?? schedule.addedAt);

/** The due time whose run was cut off, as by the program's end. */
export const cutOffAt = ({ lastRun }: StoredSchedule): number | undefined =>
  lastRun?.outcome === 'running' ? Date.parse(lastRun.due) : undefined;

/** How a run that began a job has ended, where that is known and was not yet. */
export function endOf(jobs: TurnDeps['jobs'], run: LastRun | null): LastRun | undefined {
  if (run?.outcome !== 'begun' || run.job === undefined) return undefined;
  const job = jobs.find(run.job);
  if (job === undefined || job.state === 'running') return undefined;
  const { outcome = 'internal', progress } = job;
  return { ...run, outcome, ...(outcome === 'done' ? {} : { text: progress }) };
}

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
