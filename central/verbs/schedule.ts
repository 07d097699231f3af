import type { Site } from '#central/inventory/site.ts';
import type { Together } from '#central/journal/journal.ts';
import type { ScheduleRunner } from '#central/schedules/runner.ts';
import type { Schedule, StoredSchedule } from '#central/schedules/store.ts';
import { followingOf, timesOf } from '#central/schedules/times.ts';
import { Failure } from '#shared/errors.ts';
import type { ScheduleRecord } from '#shared/model/schedule.ts';
import { readArguments } from '#shared/verb/arguments.ts';
import { riskOf } from '#shared/verb/confirm.ts';
import { argFields } from '#shared/verb/fields.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { May } from '#shared/verb/policy.ts';
import type { Requester } from '#shared/verb/request.ts';
import { didYouMean } from '#shared/verb/suggest.ts';
import { idOf, rowOf, type Verb, type VerbTable } from '#shared/verb/verb.ts';
import type { scheduleVerbs } from '#shared/verbs/schedule.ts';
import { type FleetArgs, requireFleetRun } from './fleet.ts';
import { namedArguments } from './named-arguments.ts';
import { knownHost } from './site.ts';

export interface ScheduleDeps {
  runner: ScheduleRunner;
  site: Site;
  may: May;
  table: VerbTable;
  together: Together;
  now(): number;
}

const SCHEDULES_MAX = 1_000;
const FOLLOWING = 5;

/**
 * One sees one's own schedules, and those of others whose verb one may use on that target oneself. One removes one's own; those of
 * others who may give roles on everything.
 */
export function scheduleHandlers({
  runner,
  site,
  may,
  table,
  together,
  now,
}: ScheduleDeps): Handlers<typeof scheduleVerbs> {
  const isFor = (requester: Requester, { schedule }: StoredSchedule): boolean =>
    schedule.requester === requester.bareJid || mayRun({ may, table }, requester, schedule.verb, schedule.args);
  const seenBy = (requester: Requester) => runner.list().filter((stored) => isFor(requester, stored));
  const find = (name: string, requester: Requester): StoredSchedule => {
    const stored = runner.find(name);
    if (stored && isFor(requester, stored)) return stored;
    const near = didYouMean(
      name,
      seenBy(requester).map(({ schedule }) => schedule.name),
    );
    throw new Failure('schedule-not-found', { schedule: near ? `${name}.${near}` : name });
  };
  return {
    'schedule.list': async ({ limit }, { requester }) => seenBy(requester).slice(0, limit).map(scheduleRecord),
    'schedule.info': async ({ name }, { requester }) => {
      const stored = find(name, requester);
      const { when, zone } = stored.schedule;
      const following = followingOf(timesOf(when, zone), now(), FOLLOWING);
      return { ...scheduleRecord(stored), following: following.map((ms) => new Date(ms).toISOString()) };
    },
    'schedule.add': async ({ name, when, zone, missed, verb: word, args: lines, sure }, call) => {
      const { requester } = call;
      const verb = idOf(word);
      const args = checkedRun({ may, table, site }, requester, verb, namedArguments(lines), sure);
      const addedAt = new Date(now()).toISOString();
      if (timesOf(when, zone).next(now()) === undefined)
        throw new Failure('bad-argument', { field: 'when', problem: `${when} is never due from now on` });
      const wanted = { name, when, zone, verb, args, missed, confirmed: sure, requester: requester.bareJid };
      const there = runner.find(name);
      if (there && isSame(there.schedule, wanted)) return scheduleRecord(there);
      if (there) throw new Failure('schedule-exists', { schedule: name });
      if (runner.list().length >= SCHEDULES_MAX)
        throw new Failure('too-busy', { problem: `${SCHEDULES_MAX} schedules are the most here` });
      const tell = (stored: StoredSchedule) => together(call, scheduleRecord(stored));
      return scheduleRecord(await runner.add({ ...wanted, addedAt }, tell));
    },
    'schedule.remove': async ({ name }, call) => {
      const { requester } = call;
      const stored = find(name, requester);
      const made = stored.schedule.requester;
      if (made !== requester.bareJid && !may(requester, 'role.grant', { guest: '' }))
        throw new Failure('not-permitted', {
          requester: requester.bareJid,
          verb: `schedule.remove ${name}, which ${made} made`,
        });
      const record = scheduleRecord(stored);
      await runner.remove(name, together(call, record));
      return record;
    },
  };
}

type Rules = Pick<ScheduleDeps, 'may' | 'table'>;

/** The arguments, read. @throws Failure: why nobody would carry this out */
function checkedRun(
  rules: Rules & { site: Site },
  requester: Requester,
  verb: string,
  words: Readonly<Record<string, unknown>>,
  isSure: boolean,
): Record<string, unknown> {
  const row = rowOf(rules.table, verb);
  if (!row) {
    const near = didYouMean(verb, Object.keys(rules.table));
    throw new Failure('verb-unknown', { verb: near ? `${verb}.${near}` : verb });
  }
  if (verb.startsWith('schedule.'))
    throw new Failure('bad-argument', { field: 'verb', problem: 'a schedule makes and removes no schedules' });
  const args = argumentsFor(row, words);
  if (!mayRun(rules, requester, verb, args))
    throw new Failure('not-permitted', { requester: requester.bareJid, verb: `${verb} ${targetOf(row, args)}`.trim() });
  requireThere(rules.site, row, args);
  if (verb === 'fleet.run') requireFleetRun(rules.table, args as FleetArgs);
  if (riskOf(rules.table, row, args) === 'destroy' && !isSure) {
    const problem = `${verb} may lose work or data, and nobody can be asked when it is due: say sure=yes`;
    throw new Failure('bad-argument', { field: 'sure', problem });
  }
  return args;
}

/** What is to be made when it is due need not be there yet. @throws Failure guest-not-found, host-not-found */
function requireThere(site: Site, row: Verb, args: Readonly<Record<string, unknown>>): void {
  const { [row.guestArg ?? '']: guest, [row.hostArg ?? '']: host } = args;
  if (typeof guest === 'string' && row.failures.includes('guest-not-found')) site.guest(guest);
  if (typeof host === 'string' && row.failures.includes('host-not-found')) knownHost(site, host);
}

function argumentsFor(row: Verb, words: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const secret = argFields(row).find((field) => field.secret && words[field.name] !== undefined);
  if (secret)
    throw new Failure('bad-argument', { field: 'args', problem: `${secret.name} is secret, and a schedule is kept` });
  try {
    return readArguments(row, words);
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'bad-argument') throw error;
    throw new Failure('bad-argument', {
      field: `args: ${error.details.field}`,
      problem: String(error.details.problem),
    });
  }
}

/** As perform asks it. */
function mayRun(
  { may, table }: Rules,
  requester: Requester,
  verb: string,
  args: Readonly<Record<string, unknown>>,
): boolean {
  const row = rowOf(table, verb);
  if (!row || !may(requester, verb)) return false;
  const { [row.guestArg ?? '']: guest, [row.hostArg ?? '']: host } = args;
  if (typeof guest === 'string' && !may(requester, verb, { guest })) return false;
  return typeof host !== 'string' || may(requester, verb, { host });
}

const targetOf = (row: Verb, args: Readonly<Record<string, unknown>>): string =>
  String(args[row.guestArg ?? ''] ?? args[row.hostArg ?? ''] ?? '');

const isSame = ({ addedAt: _, ...there }: Schedule, wanted: Omit<Schedule, 'addedAt'>): boolean =>
  JSON.stringify(there) === JSON.stringify(wanted);

function scheduleRecord({ schedule, lastRun, lastAt, nextAt }: StoredSchedule): ScheduleRecord {
  const { args, confirmed: _, ...made } = schedule;
  const last = lastRun?.due ?? lastAt;
  return {
    ...made,
    args: Object.entries(args).flatMap(([name, value]) => [value].flat().map((each) => `${name}=${each}`)),
    ...(nextAt === null ? {} : { next: nextAt }),
    ...(last ? { last } : {}),
    ...(lastRun ? { outcome: lastRun.outcome } : {}),
    ...(lastRun?.text === undefined ? {} : { text: lastRun.text }),
    ...(lastRun?.job === undefined ? {} : { job: lastRun.job }),
  };
}
