import type { SiteGuest } from '#central/inventory/known-site.ts';
import { type Grant, grantEach, type Holders } from '#shared/verb/grant.ts';
import { globMatches, type Policy } from '#shared/verb/policy.ts';

/** A guest of a host: its name there, its name at the site, and how it is tagged at the site. */
export type Known = Pick<SiteGuest, 'contact' | 'tags'> & { guest: { name: string } };

/**
 * The policy as the agent of one host can ask it: an agent knows neither tags nor the site's names for guests.
 *
 * A grant on certain guests keeps its globs, so that a guest that is to come is covered too, unless one of them means another guest at this
 * host than at the site: then the guests that it means are named. So is it with tags. Nor can it read a room: a grant to an affiliation
 * is one to each who holds it.
 */
export function policyAtHost(policy: Policy, host: string, guests: readonly Known[], holders: Holders): Policy {
  const grants = policy.grants
    .flatMap((grant) => grantAtHost(grant, host, guests))
    .flatMap((grant) => grantEach(grant, holders));
  return { roles: policy.roles, grants };
}

function grantAtHost({ hosts, tags, ...grant }: Grant, host: string, guests: readonly Known[]): Grant[] {
  if (hosts && !hosts.some((glob) => globMatches(glob, host))) return [];
  const covers = (name: string): boolean => !grant.guests || grant.guests.some((glob) => globMatches(glob, name));
  const isSame = guests.every(({ contact, guest }) => covers(contact) === covers(guest.name));
  if (!tags && isSame) return [grant];
  const isTagged = (of: readonly string[]): boolean =>
    !tags || tags.some((glob) => of.some((tag) => globMatches(glob, tag)));
  const names = guests
    .filter((each) => covers(each.contact) && isTagged(each.tags))
    // A star in a name of a guest would be read as a glob.
    .flatMap(({ guest }) => (guest.name.includes('*') ? [] : [guest.name]));
  return names.length === 0 ? [] : [{ ...grant, guests: names.toSorted() }];
}
