import type { Database } from '#central/database/open.ts';
import type { Writer, Writes } from '#central/database/writer.ts';
import type { Missed } from '#shared/model/schedule.ts';

/** A schedule as it was made: it never changes. */
export interface Schedule {
  name: string;
  when: string;
  zone: string;
  verb: string;
  args: Readonly<Record<string, unknown>>;
  missed: Missed;
  /** Whoever made it said yes to what it may lose. */
  confirmed: boolean;
  /** Bare JID. */
  requester: string;
  addedAt: string;
}

/** How the run of one due time went. */
export interface LastRun {
  due: string;
  outcome: string;
  text?: string;
  job?: string;
}

export interface StoredSchedule {
  schedule: Schedule;
  /** The last due time that was carried out or passed over, RFC 3339. */
  lastAt: string | null;
  nextAt: string | null;
  /** `running`: this due time is being carried out, or was cut off in the middle. */
  lastRun: LastRun | null;
}

/** What writes resolves when it is on the disk, together with `also`. @throws Failure host-space */
export interface ScheduleStore {
  add(stored: StoredSchedule, also?: Writes): Promise<void>;
  /** Does nothing where it was removed meanwhile. */
  put(stored: StoredSchedule): Promise<void>;
  remove(name: string, also?: Writes): Promise<void>;
}

export const scheduleStore = (writer: Writer): ScheduleStore => ({
  add: (stored, also) =>
    writer.write(async (transaction) => {
      await transaction
        .insertInto('schedules')
        .values({ name: stored.schedule.name, schedule: JSON.stringify(stored.schedule), ...stateOf(stored) })
        .execute();
      await also?.(transaction);
    }),
  put: (stored) =>
    writer.write(async (transaction) => {
      await transaction
        .updateTable('schedules')
        .set(stateOf(stored))
        .where('name', '=', stored.schedule.name)
        .where('schedule', '=', JSON.stringify(stored.schedule))
        .execute();
    }),
  remove: (name, also) =>
    writer.write(async (transaction) => {
      await transaction.deleteFrom('schedules').where('name', '=', name).execute();
      await also?.(transaction);
    }),
});

const stateOf = ({ lastAt, nextAt, lastRun }: StoredSchedule) => ({
  last_at: lastAt,
  next_at: nextAt,
  last_outcome: lastRun && JSON.stringify(lastRun),
});

export async function loadSchedules(database: Database): Promise<StoredSchedule[]> {
  const rows = await database.selectFrom('schedules').selectAll().orderBy('name').execute();
  return rows.map((row) => ({
    schedule: JSON.parse(row.schedule),
    lastAt: row.last_at,
    nextAt: row.next_at,
    lastRun: row.last_outcome === null ? null : JSON.parse(row.last_outcome),
  }));
}
