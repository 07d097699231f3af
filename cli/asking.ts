import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Failure, type FailureCode } from '#shared/errors.ts';
import type { Job } from '#shared/model/job.ts';
import type { Verb } from '#shared/verb/verb.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { type Ran, runVerb } from '#shared/xmpp/commands-client.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import type { Site } from './site.ts';

export type HostAt = Site['hosts'][number];

/** An agent is at this resource of its account; central is a component, and has no account. */
export const agentAt = ({ jid }: HostAt): string => (jid.includes('@') ? `${jid}/agent` : jid);

const TRIES_MAX = 3;
/** How long a connection that was lost may take to come back. */
const BACK_MS_MAX = 20_000;
/** The answer may be lost, the effect not: the same operation id finds out. */
const LOST: ReadonlySet<FailureCode> = new Set(['no-answer', 'not-connected', 'operation-running']);

export interface AskOptions {
  confirmed?: boolean;
  operation?: string;
}

/** Ask one host. Where the answer is lost, ask again with the same operation id: it has one effect. */
export async function ask(
  entity: Entity,
  host: HostAt,
  verb: string,
  row: Verb,
  args: object,
  { confirmed = false, operation = randomUUID() }: AskOptions = {},
): Promise<Ran> {
  for (let tries = 1; ; tries++) {
    try {
      return await runVerb(entity, agentAt(host), verb, row, args as Record<string, unknown>, { operation, confirmed });
    } catch (error) {
      const failure = unreachable(error, host);
      if (!(failure instanceof Failure) || !LOST.has(failure.code) || tries >= TRIES_MAX) throw failure;
      await isBack(entity);
      await delay(250 * tries);
    }
  }
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

/** The server answers for an agent that is not there. */
function unreachable(error: unknown, host: HostAt): unknown {
  if (!(error instanceof Failure) || error.code !== 'peer-refused' || !GONE.has(error.details.condition)) return error;
  const problem = host.jid.includes('@')
    ? 'its agent is not connected'
    : 'it is not connected; ask the hosts with --direct';
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

/** Watch a job until it ends, or the signal fires; `told` gets each new word of progress. */
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
      const isAway = error instanceof Failure && error.code === 'host-unreachable';
      if (!isAway || performance.now() - heardAt > AWAY_MS_MAX) throw error;
    }
  }
  return latest;
}
