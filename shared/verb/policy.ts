import { z } from 'zod';
import { bareOf, domainpartOf } from '#shared/xmpp/jid.ts';
import { Grant, type Holders, namedHolders } from './grant.ts';
import type { Requester } from './request.ts';
import type { Verb, VerbTable } from './verb.ts';

export const Pattern = z
  .string()
  .regex(
    /^(@(read|change|destroy)|[a-z*][a-z0-9.*-]*)$/,
    'use a verb (guest.start), a glob (guest.*), or @read, @change, @destroy',
  );
export const RoleName = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'use 1 to 32 of a-z 0-9 -, and begin with a letter');

/** What a role may do: verbs by name, by glob, or by risk. What `deny` names is taken away again. */
export const Role = z.strictObject({
  allow: z
    .array(Pattern)
    .min(1)
    .meta({ description: 'Verbs that it may use: `guest.start`, `guest.*`, `@read`, `*`.' }),
  deny: z.array(Pattern).default([]).meta({ description: 'Verbs that it may not use all the same.' }),
});
export type Role = z.infer<typeof Role>;

export const BUILT_IN_ROLES: Readonly<Record<string, Role>> = {
  viewer: { allow: ['@read', 'contact.*'], deny: ['audit.*', 'host.probe'] },
  operator: {
    allow: ['@read', 'guest.*', 'console.*', 'job.*', 'fleet.run', 'schedule.*', 'contact.*', 'snapshot.take'],
    // What there is, they run; what there is to be, and who holds it from inside, is not theirs to say.
    deny: ['guest.define', 'guest.create', 'guest.clone', 'guest.delete', 'guest.exec', 'audit.*'],
  },
  admin: { allow: ['*'], deny: [] },
};

/** Roles and grants; whoever has none may do nothing. */
export const Policy = z
  .strictObject({
    roles: z
      .record(z.string().regex(/^[a-z][a-z0-9-]{0,31}$/), Role)
      .default({})
      .meta({ description: "The site's own roles." }),
    grants: z.array(Grant).default([]).meta({ description: 'Who has which role.' }),
  })
  .check(({ value, issues }) => {
    for (const name of Object.keys(value.roles)) {
      if (!Object.hasOwn(BUILT_IN_ROLES, name)) continue;
      const message = `${name} is built in, and means the same everywhere: give yours another name`;
      issues.push({ code: 'custom', input: name, path: ['roles', name], message });
    }
    value.grants.forEach((grant, at) => {
      if (roleNamed(value, grant.role)) return;
      const message = `there is no role ${grant.role}; there are ${roleNames(value).join(', ')}`;
      issues.push({ code: 'custom', input: grant.role, path: ['grants', at, 'role'], message });
    });
  });
export type Policy = z.infer<typeof Policy>;

/** A policy that was kept, or came from central: a grant of a role that is not there any more lets nothing. */
export const KeptPolicy = z.strictObject({ roles: z.record(z.string(), Role), grants: z.array(Grant) });

export interface Target {
  guest?: string;
  /** Central says where the guest is, and how it is tagged; an agent is asked for its own host. */
  host?: string;
  tags?: readonly string[];
}
/**
 * May this requester use the verb on this guest? Without a target: on any guest at all. Deny by default.
 *
 * A verb that names no guest and answers of many (`guest.list`) is therefore open to whoever may use it on some; its handler leaves
 * out what `may(requester, 'guest.info', { guest })` refuses. `{ guest: '' }` asks for a guest that is not known: only a grant
 * on all guests lets it.
 */
export type May = (requester: Requester, verb: string, target?: Target) => boolean;

/** What one grant of a requester says to one question. */
export interface Reason {
  grant: Grant;
  says: 'allows' | 'role has no such verb' | 'role denies it' | 'other guests' | 'other hosts' | 'other tags';
}

export interface PolicyView {
  may: May;
  /** Every grant that the requester holds, and what it says; empty for a stranger. For `role who` and for audits. */
  explain(requester: Requester, verb: string, target?: Target): readonly Reason[];
}

/**
 * Where the policy is asked. Without a host, grants on certain hosts let nothing. `site`: at central, where a question that names no
 * host is about any.
 */
export interface Here {
  host?: string;
  site?: boolean;
  /** Who holds a grant; without it, whom it names. */
  holders?: Holders;
}

/** The one predicate that lists and that refuses, and why it says what it says. */
export function policyOf(policy: Policy, table: VerbTable, here: Here = {}): PolicyView {
  const grants = policy.grants.map((grant) => compiled(grant, roleNamed(policy, grant.role), table, here));
  const held = new Map<string, CompiledGrant[]>();
  for (const grant of grants)
    for (const holder of (here.holders ?? namedHolders)(grant.grant)) {
      const known = held.get(holder);
      if (known) known.push(grant);
      else held.set(holder, [grant]);
    }

  const heldBy = (requester: Requester): readonly CompiledGrant[] => {
    const jid = bareOf(requester.bareJid);
    // A server's own address is nobody there.
    if (!jid.includes('@')) return [];
    return [...(held.get(jid) ?? []), ...(held.get(domainpartOf(jid)) ?? [])];
  };
  return {
    may: (requester, verb, target) => heldBy(requester).some((grant) => grant.says(verb, target) === 'allows'),
    explain: (requester, verb, target) =>
      heldBy(requester).map(({ grant, says }) => ({ grant, says: says(verb, target) })),
  };
}

export const mayBy = (policy: Policy, table: VerbTable, here: Here = {}): May => policyOf(policy, table, here).may;

interface CompiledGrant {
  grant: Grant;
  says(verb: string, target?: Target): Reason['says'];
}

/** The verbs of a role are looked up once: a list of a thousand guests asks a thousand times. */
function compiled(grant: Grant, role: Role | undefined, table: VerbTable, here: Here): CompiledGrant {
  const verbs = Object.entries(table);
  const allowed = new Set(verbs.flatMap(([id, row]) => (role?.allow.some(covers(id, row)) ? [id] : [])));
  const denied = new Set(verbs.flatMap(([id, row]) => (role?.deny.some(covers(id, row)) ? [id] : [])));
  return {
    grant,
    says: (verb, target) => {
      if (!allowed.has(verb)) return 'role has no such verb';
      if (denied.has(verb)) return 'role denies it';
      if (!coversHost(grant, here, target)) return 'other hosts';
      if (!coversTags(grant, here, target)) return 'other tags';
      return coversGuest(grant, target) ? 'allows' : 'other guests';
    },
  };
}

const covers =
  (id: string, row: Verb) =>
  (pattern: string): boolean =>
    pattern.startsWith('@') ? pattern === `@${row.risk}` : globMatches(pattern, id);

function coversHost({ hosts }: Grant, here: Here, target?: Target): boolean {
  const host = target?.host ?? here.host;
  if (hosts === undefined) return true;
  if (host === undefined) return here.site === true && target?.guest === undefined;
  return hosts.some((glob) => globMatches(glob, host));
}

function coversTags({ tags }: Grant, here: Here, target?: Target): boolean {
  if (tags === undefined) return true;
  if (target?.guest === undefined) return here.site === true;
  return tags.some((glob) => target.tags?.some((tag) => globMatches(glob, tag)));
}

const coversGuest = ({ guests }: Grant, target?: Target): boolean => {
  const guest = target?.guest;
  return guests === undefined || guest === undefined || guests.some((glob) => globMatches(glob, guest));
};

/** Patterns of the site's roles that no verb here matches: a slip of the pen in `deny` would let what it shall not. */
export function idlePatterns(policy: Policy, table: VerbTable): readonly { role: string; pattern: string }[] {
  const verbs = Object.entries(table);
  return Object.entries(policy.roles).flatMap(([role, { allow, deny }]) =>
    [...allow, ...deny]
      .filter((pattern) => !verbs.some(([id, row]) => covers(id, row)(pattern)))
      .map((pattern) => ({ role, pattern })),
  );
}

export function roleNamed(policy: Policy, name: string): Role | undefined {
  if (Object.hasOwn(BUILT_IN_ROLES, name)) return BUILT_IN_ROLES[name];
  return Object.hasOwn(policy.roles, name) ? policy.roles[name] : undefined;
}

export const roleNames = (policy: Policy): string[] => [
  ...new Set([...Object.keys(BUILT_IN_ROLES), ...Object.keys(policy.roles)]),
];

/** `*` stands for any run of characters; nothing else is special. */
export function globMatches(glob: string, text: string): boolean {
  const parts = glob.split('*');
  const first = parts[0] ?? '';
  const last = parts.at(-1) ?? '';
  if (parts.length === 1) return glob === text;
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= text.length - last.length;
}
