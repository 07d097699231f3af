import type { Holders } from '#shared/verb/grant.ts';
import { mayBy, type Policy } from '#shared/verb/policy.ts';
import type { VerbTable } from '#shared/verb/verb.ts';

/**
 * The accounts that may read the events of all guests: those with a grant of their own, or by a room, that lets them see any guest. A
 * grant to a domain names nobody whom a list could hold, and one on certain guests lets nobody see the rest.
 */
export function readersOf(policy: Policy, table: VerbTable, holders: Holders): ReadonlySet<string> {
  const people: Holders = (grant) => holders(grant).filter((jid) => jid.includes('@'));
  const may = mayBy(policy, table, { site: true, holders: people });
  const jids = new Set(policy.grants.flatMap(people));
  return new Set([...jids].filter((bareJid) => may({ bareJid, fullJid: bareJid }, 'guest.info', { guest: '' })));
}
