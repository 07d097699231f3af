import type { SiteGuest } from '#central/inventory/known-site.ts';
import { guestSelector } from '#central/inventory/selector.ts';
import type { Site } from '#central/inventory/site.ts';
import { Failure } from '#shared/errors.ts';
import type { TargetOutcome } from '#shared/model/site.ts';
import { readArguments } from '#shared/verb/arguments.ts';
import type { Questions } from '#shared/verb/confirm.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import { jobRow } from '#shared/verb/job-row.ts';
import type { May } from '#shared/verb/policy.ts';
import type { Call, Perform, Requester } from '#shared/verb/request.ts';
import { lineOf, recordsOf } from '#shared/verb/say.ts';
import { didYouMean } from '#shared/verb/suggest.ts';
import { type ArgsOf, idOf, rowOf, spokenOf, type Verb, type VerbTable } from '#shared/verb/verb.ts';
import type { fleetVerbs } from '#shared/verbs/fleet.ts';
import { namedArguments } from './named-arguments.ts';

export interface FleetDeps {
  site: Site;
  may: May;
  table: VerbTable;
  /** Central's own: what each target is asked goes the same way as if it were asked alone. */
  perform: Perform;
}

export function fleetHandlers(deps: FleetDeps): Handlers<typeof fleetVerbs> {
  return {
    'fleet.run': async (args, call) => {
      const { targets, ...plan } = planOf(deps, args, call.requester);
      return inParallel(targets, args.parallel, call.signal, (target) =>
        outcomeOf(deps.perform, { ...plan, target, call }),
      );
    },
  };
}

/** What is to be done, and to which guests. */
interface Plan {
  verb: string;
  row: Verb;
  guestArg: string;
  args: Record<string, string | string[]>;
  targets: readonly SiteGuest[];
}

/** @throws Failure verb-unknown, bad-argument: it would come to nothing */
function planOf({ site, may, table }: Omit<FleetDeps, 'perform'>, asked: FleetArgs, requester: Requester): Plan {
  const { isMeant, ...wanted } = readFleetRun(table, asked);
  const selected = site.guests().filter(isMeant);
  const targets = selected.filter(({ contact }) => may(requester, wanted.verb, { guest: contact }));
  if (targets.length === 0)
    throw new Failure('bad-argument', { field: 'where', problem: noneOf(selected, wanted.verb) });
  return { ...wanted, targets };
}
export type FleetArgs = Pick<ArgsOf<(typeof fleetVerbs)['fleet.run']>, 'verb' | 'where' | 'args'>;

interface Wanted extends Omit<Plan, 'targets'> {
  isMeant(guest: SiteGuest): boolean;
}

/** What holds whichever guests there are. @throws Failure verb-unknown, bad-argument */
function readFleetRun(table: VerbTable, { verb: word, where, args: lines }: FleetArgs): Wanted {
  const verb = idOf(word);
  const row = rowOf(table, verb);
  const near = didYouMean(verb, ofGuests(table));
  if (!row) throw new Failure('verb-unknown', { verb: near ? `${verb}.${near}` : verb });
  const { guestArg } = row;
  if (!guestArg || !ofGuests(table).includes(verb))
    throw new Failure('bad-argument', { field: 'verb', problem: `${verb} is no verb of a guest; try guest.start` });
  const args = namedArguments(lines);
  readArguments(row, { ...args, [guestArg]: 'any' });
  return { verb, row, guestArg, args, isMeant: guestSelector(where) };
}

/** @throws Failure verb-unknown, bad-argument: it would come to nothing, whichever guests there are by then */
export const requireFleetRun = (table: VerbTable, asked: FleetArgs): void => void readFleetRun(table, asked);

/** Verbs that name a guest that is there. */
const ofGuests = (table: VerbTable): string[] =>
  Object.entries(table).flatMap(([verb, { guestArg, hostArg }]) => (guestArg && !hostArg ? [verb] : []));

const NAMES_MAX = 20;

/** `guest poweroff on 2 guests (fossil, venti)`: what is asked before. */
export const fleetQuestions = (deps: Omit<FleetDeps, 'perform'>): Questions<typeof fleetVerbs> => ({
  'fleet.run': (args, { requester }) => {
    const { verb, targets } = planOf(deps, args, requester);
    const names = targets.slice(0, NAMES_MAX).map(({ contact }) => contact);
    const rest = targets.length > NAMES_MAX ? [`… and ${targets.length - NAMES_MAX} more`] : [];
    const all = args.where.every((word) => word.trim() === '') ? 'all ' : '';
    const guests = targets.length === 1 ? 'guest' : 'guests';
    return `${spokenOf(verb)} on ${all}${targets.length} ${guests} (${[...names, ...rest].join(', ')})`;
  },
});

const noneOf = (selected: readonly SiteGuest[], verb: string): string =>
  selected.length === 0 ? 'it selects no guest' : `you may not ${verb} any of the ${selected.length} guests it selects`;

interface One extends Omit<Plan, 'targets'> {
  target: SiteGuest;
  call: Call;
}

async function outcomeOf(perform: Perform, { verb, row, guestArg, args, target, call }: One): Promise<TargetOutcome> {
  const { requester, surface, operation, signal } = call;
  const place = { target: target.contact, host: target.host.name };
  try {
    const answer = await perform({
      verb,
      args: { ...args, [guestArg]: target.contact },
      requester,
      surface,
      operation: `${operation} ${target.contact}`.slice(0, 200),
      confirmed: true,
      signal,
    });
    if (answer.kind === 'job') return { ...place, outcome: 'begun', text: lineOf(jobRow, { ...answer.job }) };
    const [first] = recordsOf(answer.value);
    return { ...place, outcome: 'done', text: first ? lineOf(row, first) : '' };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { ...place, outcome: error.code, text: error.message };
  }
}

/** Do it for each, so many at once, and answer in their order. */
async function inParallel<T, R>(
  things: readonly T[],
  atOnce: number,
  signal: AbortSignal,
  work: (thing: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const one = async (): Promise<void> => {
    for (let at = next++; at < things.length; at = next++) {
      signal.throwIfAborted();
      results[at] = await work(things[at] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, things.length) }, one));
  return results;
}
