import type { AskAgent } from '#central/agents/caller.ts';
import type { JobFeed } from '#central/agents/job-feed.ts';
import type { SiteGuest } from '#central/inventory/known-site.ts';
import { guestRecord } from '#central/inventory/records.ts';
import type { Site } from '#central/inventory/site.ts';
import type { Doers } from '#central/room/doers.ts';
import type { Clock } from '#shared/clock.ts';
import { Guest } from '#shared/model/guest.ts';
import type { Call } from '#shared/verb/request.ts';
import type { Verb, VerbTable } from '#shared/verb/verb.ts';
import { carryOutJob } from './agent-job.ts';

export interface PassedDeps {
  site: Site;
  ask: AskAgent;
  feed: JobFeed;
  /** Told who has what done; a chain tells of itself. */
  doers?: Pick<Doers, 'during'>;
  clock: Clock;
}

type Args = Readonly<Record<string, unknown>>;
export type PassOn = (args: Args, call: Call) => Promise<unknown>;

/** Handlers of the verbs that the agent of the guest's host carries out. */
export const passedHandlers = (deps: PassedDeps, table: VerbTable): Record<string, PassOn> =>
  Object.fromEntries(Object.entries(table).map(([verb, row]) => [verb, passOn(deps, verb, row)]));

function passOn(deps: PassedDeps, verb: string, row: Verb): PassOn {
  const { site, ask } = deps;
  return async (args, call) => {
    const target = site.guest(String(args[row.guestArg ?? 'guest']));
    const there = { ...args, [row.guestArg ?? 'guest']: target.guest.name };
    const carryOut = async (): Promise<unknown> => {
      if (!row.job) return bySiteName(target, row, (await ask(target.host, verb, row, there, call)).value);
      await carryOutJob(deps, target.host, verb, row, there, call);
      return guestAnswer(site.find(target.contact) ?? target);
    };
    return deps.doers ? deps.doers.during(target.contact, verb, call.requester.bareJid, carryOut) : carryOut();
  };
}

/** A guest as an agent answers it, but by its name at the site. */
export function guestAnswer(guest: SiteGuest): Guest {
  const { tags: _, notes: __, asOf: ___, ...record } = guestRecord(guest);
  return record;
}

/** What an agent answered, with the name that the guest has at the site. */
function bySiteName(target: SiteGuest, row: Verb, value: unknown): unknown {
  const isNamed = typeof value === 'object' && value !== null && 'name' in value;
  if (row.result === Guest || isNamed) return { ...(value as object), name: target.contact };
  return typeof value === 'object' && value !== null && 'guest' in value ? { ...value, guest: target.contact } : value;
}
