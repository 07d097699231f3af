import type { Site } from '#central/inventory/site.ts';
import type { Together } from '#central/journal/journal.ts';
import { explainer, SCOPES, scopeText } from '#central/roles/explain.ts';
import type { PolicyStore } from '#central/roles/policy-store.ts';
import type { RoomLists } from '#central/roles/room-lists.ts';
import { Failure } from '#shared/errors.ts';
import { type Grant, holderText } from '#shared/verb/grant.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import { BUILT_IN_ROLES, type Policy, roleNamed, roleNames, type Target } from '#shared/verb/policy.ts';
import type { Call, Requester } from '#shared/verb/request.ts';
import { didYouMean } from '#shared/verb/suggest.ts';
import { idOf, rowOf, type VerbTable } from '#shared/verb/verb.ts';
import type { RoleRecord, roleVerbs } from '#shared/verbs/role.ts';
import { bareOf, domainpartOf } from '#shared/xmpp/jid.ts';

export interface RoleDeps {
  policies: PolicyStore;
  site: Site;
  table: VerbTable;
  together: Together;
  rooms: Pick<RoomLists, 'state'> & {
    /** Central's own. */
    own: string | undefined;
    /** Read it now; resolves when that has ended, well or not. */
    look(room: string): Promise<void>;
  };
}

export function roleHandlers({ policies, site, table, rooms, together }: RoleDeps): Handlers<typeof roleVerbs> {
  const explain = explainer(policies, rooms);
  /** Whoever has a verb on some guests only does not have it on roles, which are of all. */
  const hasOnAll = (requester: Requester, verb: string): boolean => policies.may(requester, verb, { guest: '' });
  const requireAll = ({ requester, verb }: { requester: Requester; verb: string }): void => {
    if (!hasOnAll(requester, verb))
      throw new Failure('not-permitted', {
        requester: requester.bareJid,
        verb: `${verb} without a role on everything`,
      });
  };
  /** The change and its answer are written together. @returns what `tell` makes of the policy as it is then */
  const change = async (call: Call, make: (kept: Policy) => Policy, tell: (inForce: Policy) => RoleRecord) => {
    requireAll(call);
    let told: RoleRecord | undefined;
    await policies.change(call.requester.bareJid, make, (inForce) => {
      told = tell(inForce);
      return together(call, told);
    });
    return told ?? tell(policies.inForce);
  };
  const record = (
    role: string,
    { requester, verb }: Pick<Call, 'requester' | 'verb'>,
    inForce = policies.inForce,
    { allow, deny } = knownRole(inForce, role),
  ): RoleRecord => {
    const seesAll = hasOnAll(requester, verb);
    const grants = inForce.grants.filter(
      (grant) => grant.role === role && (seesAll || explain.isHeldBy(grant, requester)),
    );
    return { role, from: originOf(policies, role), allow, deny, grants: grants.map(explain.grantText) };
  };

  return {
    'role.list': async (_, call) => roleNames(policies.inForce).map((role) => record(role, call)),
    'role.info': async ({ role }, call) => record(role, call),
    'role.who': async ({ verb: word, guest, all }, { requester, verb }) => {
      const asked = knownVerb(table, word);
      const target = guest === undefined ? undefined : targetOf(site, guest);
      const seesAll = hasOnAll(requester, verb) || (target !== undefined && policies.may(requester, verb, target));
      const rows = policies.inForce.grants
        .filter((grant) => seesAll || explain.isHeldBy(grant, requester))
        .flatMap((grant) => explain.whoRows(grant, asked, target));
      return rows.filter(({ may }) => may || all).toSorted((a, b) => Number(b.may) - Number(a.may));
    },
    'role.set': async ({ role, allow, deny }, call) => {
      const make = (kept: Policy): Policy => {
        refuseFixed(policies, role);
        return { ...kept, roles: { ...kept.roles, [role]: { allow, deny } } };
      };
      return change(call, make, (inForce) => record(role, call, inForce));
    },
    'role.delete': async ({ role }, call) => {
      const make = (kept: Policy): Policy => {
        knownRole(policies.inForce, role);
        refuseFixed(policies, role);
        const held = policies.inForce.grants.find((grant) => grant.role === role);
        if (held)
          throw new Failure('bad-argument', { field: 'role', problem: `${holderText(held)} has it; revoke it first` });
        const { [role]: _, ...roles } = kept.roles;
        return { ...kept, roles };
      };
      const before = policies.inForce;
      return change(call, make, () => record(role, call, before));
    },
    'role.grant': async ({ role, jid, affiliation, room, ...scope }, call) => {
      const whom = whomOf({ jid, affiliation, room }, rooms.own);
      if (whom.jid !== undefined) refuseNobody(whom.jid, call.requester, rooms);
      requireAll(call);
      if (whom.room !== undefined) await requireReadable(whom.room, rooms);
      const grant = grantOf(role, whom, scope);
      const make = (kept: Policy): Policy => {
        knownRole(policies.inForce, role);
        const isThere = kept.grants.some((each) => isSameGrant(each, grant));
        return isThere ? kept : { ...kept, grants: [...kept.grants, grant] };
      };
      return change(call, make, (inForce) => record(role, call, inForce));
    },
    'role.revoke': async ({ role, ...given }, call) => {
      const whom = holderText({ role, ...whomOf(given, rooms.own) });
      const isMeant = (grant: Grant): boolean => grant.role === role && bareOf(holderText(grant)) === bareOf(whom);
      const make = (kept: Policy): Policy => {
        if (!kept.grants.some(isMeant)) refuseRevoke(policies, role, bareOf(whom), isMeant);
        return { ...kept, grants: kept.grants.filter((grant) => !isMeant(grant)) };
      };
      // A role that is gone may still be granted.
      const rights = (inForce: Policy) => roleNamed(inForce, role) ?? { allow: [], deny: [] };
      return change(call, make, (inForce) => record(role, call, inForce, rights(inForce)));
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

type Whom = Pick<Grant, 'jid' | 'affiliation' | 'room'>;

/** Who is meant. @throws Failure bad-argument: nobody, or in two ways */
function whomOf({ jid, affiliation, room: given }: Given, own: string | undefined): Whom {
  const room = given ?? (affiliation && !jid ? own : undefined);
  const wrong = (field: string, problem: string): Failure => new Failure('bad-argument', { field, problem });
  if (jid !== undefined && (affiliation ?? room) !== undefined)
    throw wrong(
      'jid',
      `say either a JID, or an affiliation and its room: affiliation=member room=${bareOf(room ?? jid)}`,
    );
  if (jid !== undefined) return { jid: bareOf(jid) };
  if (affiliation === undefined) throw wrong('jid', 'say who: a JID, a domain, or affiliation=member for a room');
  if (room === undefined) throw wrong('room', 'central has none of its own: say which');
  return { affiliation, room: bareOf(room) };
}
type Given = { [K in keyof Whom]?: Whom[K] | undefined };

/**
 * A name alone reads as a domain, and would give everybody there the role. In a room's own name speaks whoever is in it.
 * @throws Failure bad-argument: what would be right
 */
function refuseNobody(jid: string, { bareJid }: Requester, { own, state }: RoleDeps['rooms']): void {
  const here = domainpartOf(bareJid);
  if (jid === own || state(jid)) {
    const problem = `${jid} is a room: say affiliation=member room=${jid} for its members`;
    throw new Failure('bad-argument', { field: 'jid', problem });
  }
  if (/[@.:]/.test(jid) || jid === here) return;
  const problem = `${jid} alone is nobody: say ${jid}@${here} for one person, or a domain, as ${here}, for everybody there`;
  throw new Failure('bad-argument', { field: 'jid', problem });
}

/** @throws Failure bad-argument: a room whose affiliations central cannot read */
async function requireReadable(room: string, { look, state }: RoleDeps['rooms']): Promise<void> {
  await look(room);
  const problem = state(room)?.problem;
  if (problem === undefined) return;
  throw new Failure('bad-argument', { field: 'room', problem: `central cannot read ${room}: ${problem}` });
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
  const near = didYouMean(jid, policies.kept.grants.filter((grant) => grant.role === role).map(holderText));
  throw new Failure('grant-not-found', { jid, role: near ? `${role}.${near}` : role });
}

function targetOf(site: Site, name: string): Target {
  const { contact, host, tags } = site.guest(name);
  return { guest: contact, host: host.name, tags };
}

type Scope = Pick<Grant, 'guests' | 'hosts' | 'tags'>;

/** An empty list, as a form sends it, is none. */
function grantOf(role: string, whom: Whom, scope: Scope): Grant {
  const given = SCOPES.flatMap((kind) => (scope[kind]?.length ? [[kind, [...new Set(scope[kind])]]] : []));
  return { role, ...whom, ...(Object.fromEntries(given) as Scope) };
}

const isSameGrant = (a: Grant, b: Grant): boolean =>
  a.role === b.role && bareOf(holderText(a)) === bareOf(holderText(b)) && scopeText(a) === scopeText(b);
