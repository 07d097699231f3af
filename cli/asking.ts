import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '#shared/errors.ts';
import type { Guest } from '#shared/model/guest.ts';
import type { Job } from '#shared/model/job.ts';
import type { Verb } from '#shared/verb/verb.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { type Ran, runVerb } from '#shared/xmpp/commands-client.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import type { Site } from './site.ts';

export type HostAt = Site['hosts'][number];

/** An agent is at this resource of its account. */
export const agentAt = (host: HostAt): string => `${host.jid}/agent`;

const TRIES_MAX = 3;

/** Ask one host. Where the answer is lost, ask again with the same operation id: it has one effect. */
export async function ask(
  entity: Entity,
  host: HostAt,
  verb: string,
  row: Verb,
  args: object,
  confirmed: boolean,
  operation: string = randomUUID(),
): Promise<Ran> {
  for (let tries = 1; ; tries++) {
    try {
      return await runVerb(entity, agentAt(host), verb, row, args as Record<string, unknown>, { operation, confirmed });
    } catch (error) {
      const failure = unreachable(error, host);
      const isLost =
        failure instanceof Failure &&
        (failure.code === 'no-answer' || failure.code === 'not-connected' || failure.code === 'operation-running');
      if (!isLost || tries >= TRIES_MAX) throw failure;
      await delay(500 * tries);
    }
  }
}

/** The server answers for an agent that is not there. */
function unreachable(error: unknown, host: HostAt): unknown {
  const gone = ['service-unavailable', 'recipient-unavailable', 'item-not-found', 'remote-server-not-found'];
  if (!(error instanceof Failure) || error.code !== 'peer-refused' || !gone.includes(String(error.details.condition)))
    return error;
  return new Failure('host-unreachable', { host: host.name, problem: 'its agent is not connected' });
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
      ask(entity, host, verb, row, args, false).then(
        (ran) => ({ host, ran }),
        (failure: unknown) => ({ host, failure }),
      ),
    ),
  );

/** The hosts that have a guest of this name, and those that could not be asked. */
async function hostsWith(
  entity: Entity,
  hosts: readonly HostAt[],
  guest: string,
): Promise<{ having: HostAt[]; silent: Asked[] }> {
  const answers = await askAll(entity, hosts, 'guest.list', agentVerbs['guest.list'], { match: guest });
  const having = answers
    .filter(({ ran }) => (ran?.value as Guest[] | undefined)?.some((each) => each.name === guest))
    .map(({ host }) => host);
  return { having, silent: answers.filter(({ failure }) => failure !== undefined) };
}

/** The one host that a verb on this guest goes to. @throws Failure guest-not-found, bad-argument, and why a host did not answer */
export async function hostOf(entity: Entity, hosts: readonly HostAt[], guest: string): Promise<HostAt> {
  const [only] = hosts;
  if (hosts.length === 1 && only) return only;
  const { having, silent } = await hostsWith(entity, hosts, guest);
  const [first, second] = having;
  if (first && !second) return first;
  if (first)
    throw new Failure('bad-argument', {
      field: 'guest',
      problem: `${having.map((host) => host.name).join(' and ')} have a ${guest} each; choose with --host`,
    });
  if (silent[0]?.failure) throw silent[0].failure;
  throw new Failure('guest-not-found', { guest, host: hosts.map((host) => host.name).join(', ') });
}

/** Watch a job until it ends; `told` gets each new word of progress. */
export async function waitForJob(entity: Entity, host: HostAt, job: Job, told: (job: Job) => void): Promise<Job> {
  let latest = job;
  let said = '';
  while (latest.state === 'running') {
    const ran = await ask(entity, host, 'job.info', agentVerbs['job.info'], { job: job.id }, false);
    latest = ran.value as Job;
    if (latest.state === 'running' && latest.progress !== said) told(latest);
    said = latest.progress;
    // Progress has no event of its own on the wire; asking costs one small stanza.
    if (latest.state === 'running') await delay(200);
  }
  return latest;
}
