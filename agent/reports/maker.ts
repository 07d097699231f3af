import type { Guest } from '#shared/model/guest.ts';
import type { Job } from '#shared/model/job.ts';
import type { HostFacts, Report } from '#shared/model/report.ts';

export interface MakerDeps {
  epoch: number;
  /** Of all guests; undefined while the hypervisor has never answered. */
  guests(): readonly Guest[] | undefined;
  facts(): HostFacts;
  /** Those that a snapshot carries: under way, or ended of late. */
  jobs(): readonly Job[];
}

/** How many guests go into one report: they are some 400 bytes each, and a stanza takes 512 KiB. */
const PART = 400;

/** What is to be reported: what changed is marked, and goes into the next report as it is by then. */
export function reportMaker(deps: MakerDeps) {
  const dirty = new Set<string>();
  const jobs = new Map<string, Job>();
  let epoch = deps.epoch;
  let seq = 0;
  let wantsSnapshot = true;
  let wantsAlive = false;

  const header = (kind: Report['kind'], part = 0, more = false) => ({
    epoch,
    seq: kind === 'alive' || kind === 'blind' ? seq : ++seq,
    kind,
    part,
    more,
    host: deps.facts(),
    guests: [] as Guest[],
    gone: [] as string[],
    jobs: [] as Job[],
  });
  const snapshot = (guests: readonly Guest[]): Report[] => {
    wantsSnapshot = false;
    dirty.clear();
    jobs.clear();
    const parts = Math.max(1, Math.ceil(guests.length / PART));
    return Array.from({ length: parts }, (_, part) => ({
      ...header('snapshot', part, part < parts - 1),
      guests: guests.slice(part * PART, (part + 1) * PART),
      jobs: part === 0 ? [...deps.jobs()] : [],
    }));
  };
  const change = (guests: readonly Guest[]): Report => {
    const ids = [...dirty].slice(0, PART);
    const there = new Map(guests.map((guest) => [guest.uuid, guest]));
    const report = {
      ...header('change'),
      guests: ids.flatMap((id) => there.get(id) ?? []),
      gone: ids.filter((id) => !there.has(id)),
      jobs: [...jobs.values()],
    };
    for (const id of ids) dirty.delete(id);
    jobs.clear();
    return report;
  };
  const due = (): Report[] => {
    const guests = deps.guests();
    const isAsked = wantsAlive;
    wantsAlive = false;
    if (guests === undefined) return isAsked ? [header('blind')] : [];
    if (wantsSnapshot) return snapshot(guests);
    if (dirty.size > 0 || jobs.size > 0) return [change(guests)];
    return isAsked ? [header('alive')] : [];
  };

  return {
    mark: (id: string): void => void dirty.add(id),
    markJob: (job: Job): void => void jobs.set(job.id, job),
    /** The next report says that the agent is there, if there is nothing else to say. */
    ask: (): void => {
      wantsAlive = true;
    },
    /** Central misses a report. */
    missed: (): void => {
      wantsSnapshot = true;
    },
    /** Central has heard of a later start of this agent than this one: this one is later still. */
    outdated: (newest: number): void => {
      epoch = newest + 1;
      wantsSnapshot = true;
    },
    isDue: (): boolean =>
      wantsAlive || (deps.guests() !== undefined && (wantsSnapshot || dirty.size > 0 || jobs.size > 0)),
    due,
  };
}
