import type { Site } from '#central/inventory/site.ts';
import type { PolicyStore } from '#central/roles/policy-store.ts';
import { Failure } from '#shared/errors.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import { BUILT_IN_ROLES, type Grant, type Policy, roleNamed, roleNames, type Target } from '#shared/verb/policy.ts';
import type { Requester } from '#shared/verb/request.ts';
import { didYouMean } from '#shared/verb/suggest.ts';
import { idOf, rowOf, type VerbTable } from '#shared/verb/verb.ts';
import type { RoleRecord, roleVerbs, WhoRecord } from '#shared/verbs/role.ts';
import { bareOf, domainpartOf } from '#shared/xmpp/jid.ts';

export interface RoleDeps {
  policies: PolicyStore;
  site: Site;
  table: VerbTable;
}

export function roleHandlers({ policies, site, table }: RoleDeps): Handlers<typeof roleVerbs> {
  /** Whoever has a verb on some guests only does not have it on roles, which are of all. */
  const hasOnAll = (requester: Requester, verb: string): boolean => policies.may(requester, verb, { guest: '' });
  const change = async (call: { requester: Requester; verb: string }, make: (kept: Policy) => Policy) => {
    const { requester, verb } = call;
    if (!hasOnAll(requester, verb))
      throw new Failure('not-permitted', {
        requester: requester.bareJid,
        verb: `${verb} without a role on everything`,
      });
    await policies.change(requester.bareJid, make);
  };
  const record = (role: string, requester: Requester, verb: string): RoleRecord => {
    const seesAll = hasOnAll(requester, verb);
    const { allow, deny } = knownRole(policies.inForce, role);
    const grants = policies.inForce.grants.filter(
      (grant) => grant.role === role && (seesAll || isHeldBy(grant, requester)),
    );
    return { role, from: originOf(policies, role), allow, deny, grants: grants.map(grantText) };
  };

  return {
    'role.list': async (_, { requester, verb }) =>
      roleNames(policies.inForce).map((role) => record(role, requester, verb)),
    'role.info': async ({ role }, { requester, verb }) => record(role, requester, verb),
    'role.who': async ({ verb: word, guest, all }, { requester, verb }) => {
      const asked = knownVerb(table, word);
      const target = guest === undefined ? undefined : targetOf(site, guest);
      const seesAll = hasOnAll(requester, verb) || (target !== undefined && policies.may(requester, verb, target));
      const rows = policies.inForce.grants
        .filter((grant) => seesAll || isHeldBy(grant, requester))
        .map((grant) => whoRow(policies, grant, asked, target));
      return rows.filter(({ may }) => may || all).toSorted((a, b) => Number(b.may) - Number(a.may));
    },
    'role.set': async ({ role, allow, deny }, call) => {
      await change(call, (kept) => {
        refuseFixed(policies, role);
        return { ...kept, roles: { ...kept.roles, [role]: { allow, deny } } };
      });
      return record(role, call.requester, call.verb);
    },
    'role.delete': async ({ role }, call) => {
      let gone: RoleRecord | undefined;
      await change(call, (kept) => {
        gone = record(role, call.requester, call.verb);
        refuseFixed(policies, role);
        const holder = policies.inForce.grants.find((grant) => grant.role === role)?.jid;
        if (holder) throw new Failure('bad-argument', { field: 'role', problem: `${holder} has it; revoke it first` });
        const { [role]: _, ...roles } = kept.roles;
        return { ...kept, roles };
      });
      return gone ?? record(role, call.requester, call.verb);
    },
    'role.grant': async ({ role, jid, ...scope }, call) => {
      refuseWord(jid, call.requester);
      const grant = grantOf(role, jid, scope);
      await change(call, (kept) => {
        knownRole(policies.inForce, role);
        const isThere = kept.grants.some((each) => isSameGrant(each, grant));
        return isThere ? kept : { ...kept, grants: [...kept.grants, grant] };
      });
      return record(role, call.requester, call.verb);
    },
    'role.revoke': async ({ role, jid: given }, call) => {
      const jid = bareOf(given);
      const isMeant = (grant: Grant): boolean => grant.role === role && bareOf(grant.jid) === jid;
      await change(call, (kept) => {
        // A role that is gone may still be granted.
        if (!kept.grants.some(isMeant)) refuseRevoke(policies, role, jid, isMeant);
        return { ...kept, grants: kept.grants.filter((grant) => !isMeant(grant)) };
      });
      return record(role, call.requester, call.verb);
    },
  };
}

/** @throws Failure role-not-found, with the names that are like it */
function knownRole(policy: Policy, role: string) {
  const found = roleNamed(policy, role);
  if (found) return found;
  const near = didYouMean(role, roleNames(policy));
  throw new Failure('role-not-found', { role: near ? `${role}.${near}` : role });
}

/** @throws Failure verb-unknown, with the names that are like it */
function knownVerb(table: VerbTable, word: string): string {
  const verb = idOf(word);
  if (rowOf(table, verb)) return verb;
  const near = didYouMean(verb, Object.keys(table));
  throw new Failure('verb-unknown', { verb: near ? `${verb}.${near}` : verb });
}

/**
 * A name alone reads as a domain, and would give everybody there the role.
 * @throws Failure bad-argument: what would be right
 */
function refuseWord(jid: string, { bareJid }: Requester): void {
  const here = domainpartOf(bareJid);
  if (/[@.:]/.test(jid) || bareOf(jid) === here) return;
  const problem = `${jid} alone is nobody: say ${jid}@${here} for one person, or a domain, as ${here}, for everybody there`;
  throw new Failure('bad-argument', { field: 'jid', problem });
}

const originOf = ({ configured }: PolicyStore, role: string): RoleRecord['from'] => {
  if (Object.hasOwn(BUILT_IN_ROLES, role)) return 'built in';
  return Object.hasOwn(configured.roles, role) ? 'configuration' : 'verbs';
};

/** @throws Failure bad-argument: the role is not of those that verbs make */
function refuseFixed(policies: PolicyStore, role: string): void {
  const origin = originOf(policies, role);
  if (origin === 'verbs') return;
  const problem =
    origin === 'built in'
      ? `${role} is built in, and means the same everywhere: give yours another name`
      : `${role} stands in the configuration of central, and is changed there`;
  throw new Failure('bad-argument', { field: 'role', problem });
}

/** @throws Failure: why there is nothing to revoke */
function refuseRevoke(policies: PolicyStore, role: string, jid: string, isMeant: (grant: Grant) => boolean): never {
  if (policies.configured.grants.some(isMeant)) {
    const problem = `${jid} has ${role} by the configuration of central, and it is taken away there`;
    throw new Failure('bad-argument', { field: 'jid', problem });
  }
  knownRole(policies.inForce, role);
  const near = didYouMean(
    jid,
    policies.kept.grants.filter((grant) => grant.role === role).map((grant) => grant.jid),
  );
  throw new Failure('grant-not-found', { jid, role: near ? `${role}.${near}` : role });
}

function targetOf(site: Site, name: string): Target {
  const { contact, host, tags } = site.guest(name);
  return { guest: contact, host: host.name, tags };
}

const someoneOf = ({ jid }: Grant): Requester => {
  const bareJid = jid.includes('@') ? bareOf(jid) : `anybody@${bareOf(jid)}`;
  return { bareJid, fullJid: bareJid };
};

function whoRow(policies: PolicyStore, grant: Grant, verb: string, target: Target | undefined): WhoRecord {
  const why = policies.explain(someoneOf(grant), verb, target).find((reason) => reason.grant === grant)?.says;
  return {
    jid: grant.jid,
    may: why === 'allows',
    role: grant.role,
    on: scopeText(grant),
    why: why ?? 'role has no such verb',
    from: policies.configured.grants.includes(grant) ? 'configuration' : 'verbs',
  };
}

const isHeldBy = (grant: Grant, { bareJid }: Requester): boolean =>
  bareOf(grant.jid) === bareOf(bareJid) || bareOf(bareJid).endsWith(`@${bareOf(grant.jid)}`);

type Scope = Pick<Grant, 'guests' | 'hosts' | 'tags'>;
const SCOPES = ['guests', 'hosts', 'tags'] as const;

/** An empty list, as a form sends it, is none. */
function grantOf(role: string, jid: string, scope: Scope): Grant {
  const given = SCOPES.flatMap((kind) => (scope[kind]?.length ? [[kind, [...new Set(scope[kind])]]] : []));
  return { role, jid: bareOf(jid), ...(Object.fromEntries(given) as Scope) };
}

const isSameGrant = (a: Grant, b: Grant): boolean =>
  a.role === b.role && bareOf(a.jid) === bareOf(b.jid) && scopeText(a) === scopeText(b);

const scopeText = (grant: Scope): string => {
  const parts = SCOPES.flatMap((kind) => (grant[kind] ? [`${kind} ${grant[kind].toSorted().join(', ')}`] : []));
  return parts.join('; ') || 'everything';
};
const grantText = (grant: Grant): string => `${grant.jid} on ${scopeText(grant)}`;
