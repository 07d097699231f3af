import type { AskAgent } from '#central/agents/caller.ts';
import type { JobFeed } from '#central/agents/job-feed.ts';
import type { SiteHost } from '#central/inventory/known-site.ts';
import type { Site } from '#central/inventory/site.ts';
import { type Clock, paused } from '#shared/clock.ts';
import { Failure, isFailureCode } from '#shared/errors.ts';
import type { Job } from '#shared/model/job.ts';
import type { Call } from '#shared/verb/request.ts';
import type { Verb } from '#shared/verb/verb.ts';
import { jobVerbs } from '#shared/verbs/job.ts';

export interface AgentJobDeps {
  site: Pick<Site, 'findHost'>;
  ask: AskAgent;
  feed: JobFeed;
  clock: Clock;
}

/** When nothing is heard of a job for so long, its agent is asked. */
const ASK_MS = 15_000;
const AGAIN_MS = 3_000;

/**
 * Have an agent carry out a verb that is a job there, and wait for its end. Central's own job tells its progress; to cancel one is to
 * cancel the other.
 *
 * @throws Failure job-failed, and why it could not be begun; the signal's reason
 */
export async function carryOutJob(
  deps: AgentJobDeps,
  host: SiteHost,
  verb: string,
  row: Verb,
  args: Readonly<Record<string, unknown>>,
  call: Call,
): Promise<void> {
  const asked = async (at: SiteHost): Promise<Job> => (await deps.ask(at, verb, row, args, call)).value as Job;
  await followed(deps, host, await askedUntilKnown(deps, host, call, asked), call);
}

/**
 * A job is not over as long as nobody knows what became of it: the same operation is asked again until the agent answers.
 * @throws the signal's reason
 */
async function askedUntilKnown(
  { site, clock }: AgentJobDeps,
  host: SiteHost,
  call: Call,
  asked: (host: SiteHost) => Promise<Job>,
): Promise<Job> {
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

/** Wait for a job of an agent. @throws Failure job-failed */
async function followed({ ask, feed, clock }: AgentJobDeps, host: SiteHost, begun: Job, call: Call): Promise<void> {
  let job = begun;
  let isCancelled = false;
  while (job.state === 'running') {
    call.progress(`${job.progress} (job ${job.id} of ${host.name})`, job.percent);
    const next = await nextOf({ feed, clock }, host.name, job, call.signal);
    if (call.signal.aborted && !isCancelled) {
      // Central stops, or the time is over: the agent's job goes on, and is found again by its operation.
      if (!isCancel(call.signal)) throw call.signal.reason;
      isCancelled = true;
      await askJob(ask, host, 'job.cancel', job, call);
    }
    job = next ?? (await askJob(ask, host, 'job.info', job, call));
  }
  if (job.state === 'done') return;
  const { outcome = 'internal', progress } = job;
  if (outcome === 'done' || !isFailureCode(outcome)) throw new Error(`job ${job.id} of ${host.name}: ${progress}`);
  throw new Failure('job-failed', { job: job.id, host: host.name, outcome, problem: progress.replace(/\.$/, '') });
}

const isCancel = (signal: AbortSignal): boolean =>
  signal.reason instanceof Failure && signal.reason.code === 'job-cancelled';

/** The job, when it is told of next; undefined: it was not for a while, or the signal fired. */
async function nextOf(
  { feed, clock }: Pick<AgentJobDeps, 'feed' | 'clock'>,
  host: string,
  job: Job,
  signal: AbortSignal,
): Promise<Job | undefined> {
  const { promise, resolve } = Promise.withResolvers<Job | undefined>();
  const end = feed.follow(host, job.id, resolve);
  const callOff = clock.after(ASK_MS, () => resolve(undefined));
  const onAbort = (): void => resolve(undefined);
  if (!signal.aborted) signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await promise;
  } finally {
    end();
    callOff();
    signal.removeEventListener('abort', onAbort);
  }
}

async function askJob(
  ask: AskAgent,
  host: SiteHost,
  verb: 'job.info' | 'job.cancel',
  job: Job,
  call: Call,
): Promise<Job> {
  const signal = AbortSignal.timeout(60_000);
  const operation = `${call.operation} ${verb} ${verb === 'job.cancel' ? '' : Date.now()}`;
  try {
    const ran = await ask(host, verb, jobVerbs[verb], { job: job.id }, { ...call, operation, signal });
    return ran.value as Job;
  } catch (error) {
    // It ended in between: the next report says how.
    if (error instanceof Failure && (error.code === 'job-ended' || error.code === 'host-unreachable')) return job;
    throw error;
  }
}
