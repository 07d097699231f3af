import { type Grant, holderText } from '#shared/verb/grant.ts';
import type { Target } from '#shared/verb/policy.ts';
import type { Requester } from '#shared/verb/request.ts';
import type { WhoRecord } from '#shared/verbs/role.ts';
import { bareOf } from '#shared/xmpp/jid.ts';
import type { PolicyStore } from './policy-store.ts';
import type { RoomLists, RoomState } from './room-lists.ts';

/** Grants in words: who holds them, on what, and how sure that is. */
export interface Explain {
  /** `members of ops@conference.example.org (ann@example.org) on guests web*`. */
  grantText(grant: Grant): string;
  isHeldBy(grant: Grant, requester: Requester): boolean;
  /** A row for each who holds the grant; one for the grant, where nobody does. */
  whoRows(grant: Grant, verb: string, target: Target | undefined): WhoRecord[];
}

type Scope = Pick<Grant, 'guests' | 'hosts' | 'tags'>;
export const SCOPES = ['guests', 'hosts', 'tags'] as const;

export const scopeText = (grant: Scope): string => {
  const parts = SCOPES.flatMap((kind) => (grant[kind] ? [`${kind} ${grant[kind].toSorted().join(', ')}`] : []));
  return parts.join('; ') || 'everything';
};

export function explainer(policies: PolicyStore, rooms: Pick<RoomLists, 'state'>): Explain {
  const stateOf = ({ room }: Grant): RoomState | undefined => (room ? rooms.state(bareOf(room)) : undefined);
  const grantText = (grant: Grant): string => {
    const on = `on ${scopeText(grant)}`;
    if (grant.room === undefined) return `${grant.jid} ${on}`;
    const held = policies.holders(grant).join(', ') || 'nobody';
    return `${holderText(grant)} (${held}${doubtOf(stateOf(grant))}) ${on}`;
  };
  const rowOf = (grant: Grant, holder: string, verb: string, target: Target | undefined): WhoRecord => {
    const reason = policies.explain(someoneOf(holder), verb, target).find((each) => each.grant === grant);
    return {
      jid: holder,
      ...(grant.room === undefined ? {} : { as: `${holderText(grant)}${doubtOf(stateOf(grant))}` }),
      may: reason?.says === 'allows',
      role: grant.role,
      on: scopeText(grant),
      why: reason?.says ?? 'nobody has it',
      from: policies.configured.grants.includes(grant) ? 'configuration' : 'verbs',
    };
  };
  return {
    grantText,
    isHeldBy: (grant, { bareJid }) =>
      policies.holders(grant).some((held) => held === bareOf(bareJid) || bareOf(bareJid).endsWith(`@${held}`)),
    whoRows: (grant, verb, target) => {
      const holders = policies.holders(grant);
      return (holders.length > 0 ? holders : [holderText(grant)]).map((holder) => rowOf(grant, holder, verb, target));
    },
  };
}

/** What is to be said of a list that is not as it is in the room now, as far as is known. */
function doubtOf(state: RoomState | undefined): string {
  if (state && state.problem === undefined) return '';
  const since = state?.readAt === undefined ? 'it was never read' : `as it was on ${state.readAt}`;
  return state?.problem === undefined ? `; ${since}` : `; ${since}, for it cannot be read: ${state.problem}`;
}

const someoneOf = (holder: string): Requester => {
  const bareJid = holder.includes('@') ? holder : `anybody@${holder}`;
  return { bareJid, fullJid: bareJid };
};
