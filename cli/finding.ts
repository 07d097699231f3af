import { Failure } from '#shared/errors.ts';
import type { Guest } from '#shared/model/guest.ts';
import { argFields, type Field } from '#shared/verb/fields.ts';
import { didYouMean } from '#shared/verb/suggest.ts';
import type { Verb } from '#shared/verb/verb.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { domainpartOf } from '#shared/xmpp/jid.ts';
import { type Asked, askAll, type HostAt } from './asking.ts';
import type { Site } from './site.ts';

/**
 * The hosts that `--host` leaves. Where the site's configuration lists none, any can be named: its account is called as it is.
 * @throws Failure host-not-found; bad-argument where all are asked for, and none is known
 */
export function chosenHosts({ hosts, jid }: Pick<Site, 'hosts' | 'jid'>, name: string | undefined): readonly HostAt[] {
  if (hosts.length === 0) return [unlistedHost(name, jid)];
  const chosen = hosts.filter((host) => name === undefined || host.name === name || host.jid === name);
  if (chosen.length > 0) return chosen;
  const names = hosts.map((host) => host.name);
  const near = didYouMean(name ?? '', names);
  throw new Failure('host-not-found', { host: `${name}; there are ${names.join(', ')}.${near}` });
}

function unlistedHost(name: string | undefined, jid: string): HostAt {
  const problem = "the site's configuration lists no `hosts`: write them there, or name one with --host";
  if (name === undefined) throw new Failure('bad-argument', { field: '--direct', problem });
  const [host = '', domain = domainpartOf(jid)] = name.split('@');
  if (host === '' || /[\s/]/.test(name)) throw new Failure('host-not-found', { host: name });
  return { name: host, jid: `${host}@${domain}` };
}

/**
 * The one host that a verb goes to: the only one, or the one that has the guest or job that it names.
 *
 * @throws Failure guest-not-found, job-not-found; bad-argument where several have it; and why a host did not answer
 */
export async function hostFor(
  entity: Entity,
  hosts: readonly HostAt[],
  row: Verb,
  args: Readonly<Record<string, unknown>>,
): Promise<HostAt> {
  const [only] = hosts;
  if (hosts.length === 1 && only) return only;
  const named = argFields(row).find(({ choices, required }) => required && (choices === 'guest' || choices === 'job'));
  const value = named && args[named.name];
  const names = hosts.map((host) => host.name).join(', ');
  if (!named || typeof value !== 'string')
    throw new Failure('bad-argument', { field: '--host', problem: `say which host: ${names}` });
  return named.choices === 'job' ? hostOfJob(entity, hosts, value) : hostOfGuest(entity, hosts, value, named);
}

async function hostOfGuest(entity: Entity, hosts: readonly HostAt[], guest: string, field: Field): Promise<HostAt> {
  const answers = await askAll(entity, hosts, 'guest.list', agentVerbs['guest.list'], {});
  const guestsOf = ({ ran }: Asked): string[] => ((ran?.value ?? []) as Guest[]).map(({ name }) => name);
  const having = answers.filter((asked) => guestsOf(asked).includes(guest)).map(({ host }) => host);
  const found = oneOf(having, answers, `a guest ${guest}`, field.name);
  if (found) return found;
  const near = didYouMean(guest, answers.flatMap(guestsOf));
  throw new Failure('guest-not-found', { guest, host: `${hosts.map((host) => host.name).join(', ')}.${near}` });
}

async function hostOfJob(entity: Entity, hosts: readonly HostAt[], job: string): Promise<HostAt> {
  const answers = await askAll(entity, hosts, 'job.info', agentVerbs['job.info'], { job });
  const having = answers.filter(({ ran }) => ran).map(({ host }) => host);
  const unanswered = answers.filter(({ failure }) => !(failure instanceof Failure && failure.code === 'job-not-found'));
  const found = oneOf(having, unanswered, `a job ${job}`, 'job');
  if (found) return found;
  throw new Failure('job-not-found', { job });
}

/** Undefined where all have answered and none has it. */
function oneOf(having: readonly HostAt[], answers: readonly Asked[], what: string, field: string): HostAt | undefined {
  const [first, second] = having;
  if (first && second)
    throw new Failure('bad-argument', {
      field,
      problem: `${having.map((host) => host.name).join(' and ')} have ${what} each; choose with --host`,
    });
  const silent = answers.find(({ failure }) => failure !== undefined);
  if (!first && silent) throw silent.failure;
  return first;
}
