import { guestSelector } from '#central/inventory/selector.ts';
import type { Site, SiteGuest } from '#central/inventory/site.ts';
import { Failure } from '#shared/errors.ts';
import type { TargetOutcome } from '#shared/model/site.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import { jobRow } from '#shared/verb/job-row.ts';
import type { May } from '#shared/verb/policy.ts';
import type { Call, Perform } from '#shared/verb/request.ts';
import { lineOf, recordsOf } from '#shared/verb/say.ts';
import { rowOf, type Verb, type VerbTable } from '#shared/verb/verb.ts';
import type { fleetVerbs } from '#shared/verbs/fleet.ts';
import { namedArguments } from './named-arguments.ts';

export interface FleetDeps {
  site: Site;
  may: May;
  table: VerbTable;
  /** Central's own: what each target is asked goes the same way as if it were asked alone. */
  perform: Perform;
}

export function fleetHandlers({ site, may, table, perform }: FleetDeps): Handlers<typeof fleetVerbs> {
  return {
    'fleet.run': async ({ verb: word, where, args: lines, parallel }, call) => {
      const verb = word.replace(/\s+/, '.').toLowerCase();
      const row = rowOf(table, verb);
      const guestArg = row?.guestArg;
      if (!row || !guestArg || verb === 'guest.define')
        throw new Failure('bad-argument', { field: 'verb', problem: `${verb} is no verb of a guest; try guest.start` });
      const selected = site.guests().filter(guestSelector(where));
      const targets = selected.filter(({ contact }) => may(call.requester, verb, { guest: contact }));
      if (targets.length === 0) throw new Failure('bad-argument', { field: 'where', problem: noneOf(selected, verb) });
      const args = namedArguments(lines);
      return inParallel(targets, parallel, call.signal, (target) =>
        outcomeOf(perform, { verb, row, guestArg, args, target, call }),
      );
    },
  };
}

const noneOf = (selected: readonly SiteGuest[], verb: string): string =>
  selected.length === 0 ? 'it selects no guest' : `you may not ${verb} any of the ${selected.length} guests it selects`;

interface One {
  verb: string;
  row: Verb;
  guestArg: string;
  args: Record<string, string | string[]>;
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
