import { mayBy, type Policy } from '#shared/verb/policy.ts';
import type { VerbTable } from '#shared/verb/verb.ts';

/**
 * The accounts that may read the events of all guests: those with a grant of their own that lets them see any guest. A grant to a domain
 * names nobody whom a list could hold, and one on certain guests lets nobody see the rest.
 */
export function readersOf(policy: Policy, table: VerbTable): ReadonlySet<string> {
  const jids = new Set(policy.grants.map(({ jid }) => jid).filter((jid) => jid.includes('@')));
  const own: Policy = { ...policy, grants: policy.grants.filter(({ jid }) => jid.includes('@')) };
  const may = mayBy(own, table, { site: true });
  return new Set([...jids].filter((bareJid) => may({ bareJid, fullJid: bareJid }, 'guest.info', { guest: '' })));
}
