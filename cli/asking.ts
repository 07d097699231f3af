import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Failure, type FailureCode, messageOf } from '#shared/errors.ts';
import type { Job } from '#shared/model/job.ts';
import type { Verb } from '#shared/verb/verb.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { answerMsMax, type Ran, runVerb } from '#shared/xmpp/commands-client.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { attended } from './attending.ts';
import type { Site } from './site.ts';

export type HostAt = Site['hosts'][number];

/** An agent is at this resource of its account; central is a component, and has no account. */
export const agentAt = ({ jid }: HostAt): string => (jid.includes('@') ? `${jid}/agent` : jid);

const TRIES_MAX = 3;
const PAUSE_MS = 250;
/** So soon after its return a central that was away is found. */
const PAUSE_MS_MAX = 1_000;
/** How long a connection that was lost may take to come back. */
const BACK_MS_MAX = 20_000;
/** The answer may be lost, the effect not: the same operation id finds out. */
const LOST: ReadonlySet<FailureCode> = new Set(['no-answer', 'not-connected', 'operation-running']);
/** Who waits longer than this is told what for. */
const QUIET_MS = 8_000;

export interface AskOptions {
  confirmed?: boolean;
  operation?: string;
  /** What a person who waits is told. */
  told?: (text: string) => unknown;
  /** How long an answer is waited for before it is asked for again. */
  timeoutMs?: number;
  tries?: number;
  /** After so long a silence it is found out whether the answer will still come. */
  silenceMs?: number;
  /** Between the first two tries; it grows. */
  pauseMs?: number;
}

/**
 * Ask one host. Where the answer is lost, ask again with the same operation id: it has one effect. Where it was lost before its time was
 * over, whoever had the question is awaited for the rest of that time, as its answer would have been.
 */
export async function ask(
  entity: Entity,
  host: HostAt,
  verb: string,
  row: Verb,
  args: object,
  {
    confirmed = false,
    operation = randomUUID(),
    told = () => {},
    timeoutMs = answerMsMax(row),
    tries: triesMax = TRIES_MAX,
    silenceMs,
    pauseMs = PAUSE_MS,
  }: AskOptions = {},
): Promise<Ran> {
  const answering = attended(entity, operation, silenceMs);
  const dueAt = performance.now() + timeoutMs;
  let wasLost = false;
  const timer = setTimeout(() => told(`${host.name} has not answered yet; waiting.`), QUIET_MS);
  try {
    for (let tries = 1; ; tries++) {
      try {
        const given = args as Record<string, unknown>;
        const options = { operation, confirmed, timeoutMs, client: 'cli' } as const;
        return await runVerb(answering, agentAt(host), verb, row, given, options);
      } catch (error) {
        const failure = unreachable(error, host);
        // Central, or who had the question just now, is soon there again where it is started anew; an agent is away for longer.
        const isBackSoon = failure !== error && (isCentral(host) || wasLost);
        if (!(failure instanceof Failure) || !(LOST.has(failure.code) || isBackSoon)) throw failure;
        wasLost ||= failure.code === 'no-answer';
        const isAwaited = wasLost && triesMax > 1 && performance.now() < dueAt;
        if (tries >= triesMax && !isAwaited) throw isCentral(host) ? withAdvice(failure, row, operation) : failure;
        if (failure.code === 'no-answer') told(`${messageOf(failure)} Asking again.`);
        await isBack(entity);
        await delay(Math.min(PAUSE_MS_MAX, pauseMs * tries));
      }
    }
  } finally {
    clearTimeout(timer);
  }
}

const isCentral = ({ jid }: HostAt): boolean => !jid.includes('@');

/** What to do where central does not answer. */
function withAdvice(failure: Failure, row: Verb, operation: string): Failure {
  if (failure.code === 'operation-running' || failure.code === 'not-connected') return failure;
  const what = failure.code === 'no-answer' ? 'it does not answer' : 'it is not there';
  const later =
    row.risk === 'read'
      ? 'try again'
      : `what was asked may still take effect: to find out, try again with --operation ${operation}`;
  const problem = `${what}; ${later}, or ask the hosts themselves with --direct`;
  return new Failure('host-unreachable', { host: 'central', problem }, { cause: failure });
}

/** Wait until the connection is there again. @throws Failure not-connected */
async function isBack(entity: Entity): Promise<void> {
  if (entity.isOnline) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const off = entity.onStatus(({ status }) => status !== 'offline' && resolve());
  const timer = setTimeout(() => reject(new Failure('not-connected')), BACK_MS_MAX);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    off();
  }
}

const GONE: ReadonlySet<unknown> = new Set([
  'service-unavailable',
  'recipient-unavailable',
  'item-not-found',
  'remote-server-not-found',
]);
/** ... and for a component: it then looks for the domain elsewhere, which its rules may not allow. */
const COMPONENT_GONE: ReadonlySet<unknown> = new Set([...GONE, 'forbidden', 'not-allowed', 'remote-server-timeout']);

/** The server answers for an agent, or central, that is not there. What they refuse themselves has a row of the failure table. */
function unreachable(error: unknown, host: HostAt): unknown {
  const gone = isCentral(host) ? COMPONENT_GONE : GONE;
  if (!(error instanceof Failure) || error.code !== 'peer-refused' || !gone.has(error.details.condition)) return error;
  const problem = isCentral(host) ? 'it is not there' : 'its agent is not connected';
  return new Failure('host-unreachable', { host: host.name, problem }, { cause: error });
}

export interface Asked {
  host: HostAt;
  ran?: Ran;
  failure?: unknown;
}

/** Ask several hosts side by side; each ends with its own outcome. */
export const askAll = (
  entity: Entity,
  hosts: readonly HostAt[],
  verb: string,
  row: Verb,
  args: object,
): Promise<Asked[]> =>
  Promise.all(
    hosts.map(async (host) =>
      ask(entity, host, verb, row, args).then(
        (ran) => ({ host, ran }),
        (failure: unknown) => ({ host, failure }),
      ),
    ),
  );

const POLL_MS = 200;
const POLL_MS_MAX = 1_000;
/** An agent that is started again goes on with its jobs. */
const AWAY_MS_MAX = 60_000;

/** Nothing is heard from where the job is. */
const AWAY: ReadonlySet<FailureCode> = new Set(['host-unreachable', 'no-answer', 'not-connected']);
export const isAway = (error: unknown): error is Failure => error instanceof Failure && AWAY.has(error.code);

/**
 * Watch a job until it ends, or the signal fires; `told` gets each new word of progress.
 * @throws Failure where it cannot be watched any longer; the job goes on
 */
export async function waitForJob(
  entity: Entity,
  host: HostAt,
  begun: Job,
  told: (job: Job) => void,
  signal?: AbortSignal,
): Promise<Job> {
  let latest = begun;
  let pollMs = POLL_MS;
  let heardAt = performance.now();
  while (latest.state === 'running' && !signal?.aborted) {
    // Progress has no event of its own on the wire; asking costs one small stanza.
    await delay(pollMs, undefined, signal ? { signal } : {}).catch(() => {});
    pollMs = Math.min(POLL_MS_MAX, pollMs * 1.2);
    try {
      const { value } = await ask(entity, host, 'job.info', agentVerbs['job.info'], { job: begun.id });
      const job = value as Job;
      if (job.state === 'running' && job.progress !== latest.progress) told(job);
      latest = job;
      heardAt = performance.now();
    } catch (error) {
      if (!isAway(error) || performance.now() - heardAt > AWAY_MS_MAX) throw error;
    }
  }
  return latest;
}
