import type { AskAgent } from '#central/agents/caller.ts';
import type { JobFeed } from '#central/agents/job-feed.ts';
import { guestRecord } from '#central/inventory/records.ts';
import type { Site, SiteGuest, SiteHost } from '#central/inventory/site.ts';
import type { Doers } from '#central/room/doers.ts';
import { type Clock, paused } from '#shared/clock.ts';
import { Failure, isFailureCode } from '#shared/errors.ts';
import { Guest } from '#shared/model/guest.ts';
import type { Job } from '#shared/model/job.ts';
import type { Call } from '#shared/verb/request.ts';
import type { Verb, VerbTable } from '#shared/verb/verb.ts';
import { jobVerbs } from '#shared/verbs/job.ts';
import type { Ran } from '#shared/xmpp/commands-client.ts';

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

/** When nothing is heard of a job for so long, its agent is asked. */
const ASK_MS = 15_000;
const AGAIN_MS = 3_000;

/** Handlers of the verbs that the agent of the guest's host carries out. */
export const passedHandlers = (deps: PassedDeps, table: VerbTable): Record<string, PassOn> =>
  Object.fromEntries(Object.entries(table).map(([verb, row]) => [verb, passOn(deps, verb, row)]));

function passOn(deps: PassedDeps, verb: string, row: Verb): PassOn {
  const { site, ask } = deps;
  return async (args, call) => {
    const target = site.guest(String(args[row.guestArg ?? 'guest']));
    const there = { ...args, [row.guestArg ?? 'guest']: target.guest.name };
    const asked = (host: SiteHost): Promise<Ran> => ask(host, verb, row, there, call);
    const carryOut = async (): Promise<unknown> => {
      const ran = row.job ? await askedUntilKnown(deps, target, call, asked) : await asked(target.host);
      const value = row.job ? await followed(deps, target, ran.value as Job, call) : ran.value;
      return bySiteName(target, row, value);
    };
    return deps.doers ? deps.doers.during(target.contact, verb, call.requester.bareJid, carryOut) : carryOut();
  };
}

/**
 * A job is not over as long as nobody knows what became of it: the same operation is asked again until the agent answers.
 * @throws the signal's reason
 */
async function askedUntilKnown(
  { site, clock }: PassedDeps,
  { host }: SiteGuest,
  call: Call,
  asked: (host: SiteHost) => Promise<Ran>,
): Promise<Ran> {
  let isMaybeDelivered = false;
  for (;;) {
    try {
      return await asked(site.findHost(host.name) ?? host);
    } catch (error) {
      call.signal.throwIfAborted();
      const code = error instanceof Failure ? error.code : undefined;
      isMaybeDelivered ||= code === 'operation-uncertain';
      if (!isMaybeDelivered || (code !== 'operation-uncertain' && code !== 'host-unreachable')) throw error;
      call.progress(`${host.name} does not answer; it may still take effect. Waiting for it`);
    }
    await paused(clock, AGAIN_MS, call.signal);
    call.signal.throwIfAborted();
  }
}

/** What an agent answered, with the name that the guest has at the site. */
function bySiteName(target: SiteGuest, row: Verb, value: unknown): unknown {
  const isNamed = typeof value === 'object' && value !== null && 'name' in value;
  if (row.result === Guest || isNamed) return { ...(value as object), name: target.contact };
  return typeof value === 'object' && value !== null && 'guest' in value ? { ...value, guest: target.contact } : value;
}

/**
 * Wait for a job of an agent. Central's own job tells its progress; to cancel one is to cancel the other.
 * @returns the guest as it is by then
 */
async function followed({ site, ask, feed }: PassedDeps, target: SiteGuest, begun: Job, call: Call): Promise<unknown> {
  const { host } = target;
  let job = begun;
  let isCancelled = false;
  while (job.state === 'running') {
    call.progress(`${job.progress} (job ${job.id} of ${host.name})`, job.percent);
    const next = await nextOf(feed, host.name, job, call.signal);
    if (call.signal.aborted && !isCancelled) {
      // Central stops, or the time is over: the agent's job goes on, and is found again by its operation.
      if (!isCancel(call.signal)) throw call.signal.reason;
      isCancelled = true;
      await askJob(ask, target, 'job.cancel', job, call);
    }
    job = next ?? (await askJob(ask, target, 'job.info', job, call));
  }
  if (job.state === 'done') {
    const guest = site.find(target.contact) ?? target;
    const { tags: _, notes: __, asOf: ___, ...record } = guestRecord(guest);
    return record;
  }
  const { outcome = 'internal', progress } = job;
  if (outcome === 'done' || !isFailureCode(outcome)) throw new Error(`job ${job.id} of ${host.name}: ${progress}`);
  throw new Failure('job-failed', { job: job.id, host: host.name, outcome, problem: progress.replace(/\.$/, '') });
}

const isCancel = (signal: AbortSignal): boolean =>
  signal.reason instanceof Failure && signal.reason.code === 'job-cancelled';

/** The job, when it is told of next; undefined: it was not for a while, or the signal fired. */
async function nextOf(feed: JobFeed, host: string, job: Job, signal: AbortSignal): Promise<Job | undefined> {
  const { promise, resolve } = Promise.withResolvers<Job | undefined>();
  const end = feed.follow(host, job.id, resolve);
  const timer = setTimeout(() => resolve(undefined), ASK_MS);
  const onAbort = (): void => resolve(undefined);
  if (!signal.aborted) signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await promise;
  } finally {
    end();
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

async function askJob(
  ask: AskAgent,
  target: SiteGuest,
  verb: 'job.info' | 'job.cancel',
  job: Job,
  call: Call,
): Promise<Job> {
  const signal = AbortSignal.timeout(60_000);
  const operation = `${call.operation} ${verb} ${verb === 'job.cancel' ? '' : Date.now()}`;
  try {
    const ran = await ask(target.host, verb, jobVerbs[verb], { job: job.id }, { ...call, operation, signal });
    return ran.value as Job;
  } catch (error) {
    // It ended in between: the next report says how.
    if (error instanceof Failure && (error.code === 'job-ended' || error.code === 'host-unreachable')) return job;
    throw error;
  }
}
