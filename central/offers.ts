import type { Site } from '#central/inventory/site.ts';
import { Failure } from '#shared/errors.ts';
import type { Choices } from '#shared/verb/fields.ts';
import type { JobRunner } from '#shared/verb/job-runner.ts';
import type { Offer } from '#shared/verb/offer.ts';
import type { May } from '#shared/verb/policy.ts';
import type { Perform, Requester } from '#shared/verb/request.ts';
import { didYouMean } from '#shared/verb/suggest.ts';
import type { VerbTable } from '#shared/verb/verb.ts';
import { localpartOf } from '#shared/xmpp/jid.ts';
import { guestOffer } from './contacts/guest-offer.ts';
import type { NetworkState } from './networks/state.ts';

export interface OffersDeps {
  site: Site;
  table: VerbTable;
  perform: Perform;
  may: May;
  jobs: Pick<JobRunner, 'list'>;
  /** Their names. */
  chains(): readonly string[];
  networks(): Pick<NetworkState, 'networks' | 'routers'>;
}

/** What central offers at its own address: the whole site; and at each guest's: that guest. @throws Failure guest-not-found */
export function offersOf(deps: OffersDeps): (to: string) => Offer {
  const { site, table, perform, may } = deps;
  const choices = choicesBy(deps);
  const own: Offer = { table, perform: hinting(perform, choices), may, choices };
  return (to) => {
    const contact = localpartOf(to);
    if (contact === '') return own;
    const found = site.find(contact);
    if (found === undefined) throw new Failure('guest-not-found', { guest: contact, host: 'any host' });
    const lacking = found.host.known.facts?.lacks?.[found.guest.driver ?? ''] ?? [];
    return guestOffer(own, contact, (verb) => lacking.includes(verb));
  };
}

/** A name that is not there is answered with those like it, among what the requester may see. */
const hinting =
  (perform: Perform, choices: Offer['choices']): Perform =>
  async (request) => {
    try {
      return await perform(request);
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'guest-not-found') throw error;
      const { guest, host } = error.details;
      const near = didYouMean(
        String(guest),
        // One that came meanwhile is what was meant, and this is an answer to when it was not there.
        choices('guest', request.requester).filter((each) => each !== guest),
      );
      throw near ? new Failure('guest-not-found', { guest, host: `${host}.${near}` }) : error;
    }
  };

function choicesBy({ site, table, may, jobs, chains, networks }: OffersDeps) {
  return (kind: Choices, requester: Requester): readonly string[] => {
    if (kind === 'guest') return site.contacts().filter((guest) => may(requester, 'guest.info', { guest }));
    if (kind === 'chain') return chains();
    if (kind === 'network') return [...networks().networks.keys()].sort();
    if (kind === 'router') return [...networks().routers.keys()].sort();
    if (kind === 'verb')
      return Object.keys(table)
        .filter((verb) => may(requester, verb))
        .toSorted();
    if (kind === 'job')
      return jobs
        .list({ limit: 50 })
        .filter((job) => job.requester === requester.bareJid || may(requester, 'guest.info', { guest: job.target }))
        .map((job) => job.id);
    return site
      .hosts()
      .map(({ name }) => name)
      .filter((host) => may(requester, 'host.info', { host }));
  };
}

/** The policy, asked about guests by their name at the site: where each is, and how it is tagged, central knows. */
export const maySite =
  (site: Site, granted: May): May =>
  (requester, verb, target) => {
    if (target?.guest === undefined) return granted(requester, verb, target);
    const guest = site.find(target.guest);
    // A guest that is to be made has its host in the target, if anywhere.
    const host = guest?.host.name ?? target.host;
    return granted(requester, verb, { guest: target.guest, tags: guest?.tags ?? [], ...(host ? { host } : {}) });
  };
