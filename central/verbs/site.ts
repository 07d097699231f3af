import { randomUUID } from 'node:crypto';
import type { AskAgent } from '#central/agents/caller.ts';
import type { SiteGuest } from '#central/inventory/known-site.ts';
import { guestRecord, hostRecord } from '#central/inventory/records.ts';
import { guestSelector, hostSelector } from '#central/inventory/selector.ts';
import type { Site } from '#central/inventory/site.ts';
import type { Networks } from '#central/networks/networks.ts';
import { Failure } from '#shared/errors.ts';
import { isInState } from '#shared/model/guest.ts';
import type { Finding, HostHealth } from '#shared/model/host.ts';
import { type ProbeLook, sightOf } from '#shared/model/probe.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { May } from '#shared/verb/policy.ts';
import type { Requester } from '#shared/verb/request.ts';
import { didYouMean } from '#shared/verb/suggest.ts';
import type { ArgsOf } from '#shared/verb/verb.ts';
import type { siteGuestVerbs, siteHostVerbs } from '#shared/verbs/fleet.ts';
import { hostVerbs } from '#shared/verbs/host.ts';

export interface SiteHandlerDeps {
  site: Site;
  ask: AskAgent;
  may: May;
}

export interface SiteHostDeps extends SiteHandlerDeps {
  lookFrom: Networks['lookFrom'];
  /** Whether a network is there and wanted down. */
  isStopped: Networks['isStopped'];
}

export function siteHostHandlers({
  site,
  ask,
  may,
  lookFrom,
  isStopped,
}: SiteHostDeps): Handlers<typeof siteHostVerbs> {
  const at = (name: string) => knownHost(site, name);
  return {
    'host.list': async ({ where }, { requester }) =>
      site
        .hosts()
        .filter(hostSelector(where))
        .filter(({ name }) => may(requester, 'host.info', { host: name }))
        .map(hostRecord),
    'host.info': async ({ host }) => hostRecord(at(host)),
    'host.health': async ({ host, samples }, call) =>
      (await ask(at(host), 'host.health', hostVerbs['host.health'], { samples }, call)).value as HostHealth[],
    'host.doctor': async ({ host }, call) =>
      (await ask(at(host), 'host.doctor', hostVerbs['host.doctor'], {}, call)).value as Finding[],
    'host.probe': async ({ host, ...args }, call) => {
      requireSight({ site, may }, host, args, call.requester);
      const { network } = args;
      if (network !== undefined && isStopped(network)) throw new Failure('network-stopped', { network });
      using _leg =
        network === undefined
          ? undefined
          : await lookFrom(network, at(host).name, { ...call, operation: randomUUID() });
      return (await ask(at(host), 'host.probe', hostVerbs['host.probe'], args, call)).value as ProbeLook;
    },
  };
}

/** The agent obeys central in everything, so central asks its own policy about what is looked at. @throws Failure not-permitted */
function requireSight(
  { site, may }: Pick<SiteHandlerDeps, 'site' | 'may'>,
  host: string,
  look: Parameters<typeof sightOf>[0],
  requester: Requester,
): void {
  const { verb, guest } = sightOf(look);
  const known = site.eachGuest().find((each) => each.host.name === host && each.guest.name === guest);
  // Of a guest that is not known only who may see any guest is told so.
  const isLet = known ? may(requester, verb, { guest: known.contact }) : may(requester, verb, { guest: '', host });
  if (!isLet)
    throw new Failure('not-permitted', { requester: requester.bareJid, verb: `${verb} ${guest || look.kind}` });
}

/** @throws Failure host-not-found, with the names that are like it */
export function knownHost(site: Site, name: string) {
  const host = site.findHost(name);
  if (host) return host;
  const near = didYouMean(
    name,
    site.hosts().map((each) => each.name),
  );
  throw new Failure('host-not-found', { host: near ? `${name}.${near}` : name });
}

export function siteGuestHandlers({ site, may }: SiteHandlerDeps): Handlers<typeof siteGuestVerbs> {
  return {
    'guest.list': async (wanted, { requester }) => listed({ site, may }, wanted, requester).map(guestRecord).toArray(),
    'guest.info': async ({ guest }) => guestRecord(site.guest(guest)),
  };
}

type Wanted = ArgsOf<(typeof siteGuestVerbs)['guest.list']>;

/**
 * One page, sorted. Where each guest of a name counts, the page is cut out of the names: with 100,000 guests, to look at all that come
 * before it, in each page anew, would be most of the work.
 */
function listed(
  { site, may }: Pick<SiteHandlerDeps, 'site' | 'may'>,
  { where, state, match, limit, from }: Wanted,
  requester: Requester,
): IteratorObject<SiteGuest> {
  const isSelected = guestSelector(where);
  const names = match === undefined ? site.contacts() : site.contacts().filter((contact) => contact.includes(match));
  const seesAll = may(requester, 'guest.info', { guest: '' });
  const selectsAll = state === undefined && where.every((words) => words.trim() === '');
  if (seesAll && selectsAll) return site.eachGuest(names.slice(from, from + limit));
  return site
    .eachGuest(names)
    .filter(isSelected)
    .filter(({ guest }) => state === undefined || isInState(guest, state))
    .filter(({ contact }) => seesAll || may(requester, 'guest.info', { guest: contact }))
    .drop(from)
    .take(limit);
}
