import { z } from 'zod';
import { bareOf, domainpartOf } from '#shared/xmpp/jid.ts';
import type { Requester } from './request.ts';
import { rowOf, type Verb, type VerbTable } from './verb.ts';

const Pattern = z
  .string()
  .regex(
    /^(@(read|change|destroy)|[a-z*][a-z0-9.*-]*)$/,
    'use a verb (guest.start), a glob (guest.*), or @read, @change, @destroy',
  );
const Glob = z.string().min(1).max(255);

/** What a role may do: verbs by name, by glob, or by risk. What `deny` names is taken away again. */
export const Role = z.strictObject({
  allow: z
    .array(Pattern)
    .min(1)
    .meta({ description: 'Verbs that it may use: `guest.start`, `guest.*`, `@read`, `*`.' }),
  deny: z.array(Pattern).default([]).meta({ description: 'Verbs that it may not use all the same.' }),
});
export type Role = z.infer<typeof Role>;

/** Who has a role, and on what. */
export const Grant = z.strictObject({
  role: z.string().meta({ description: 'viewer, operator, admin, or one of `roles`.' }),
  jid: z.string().min(1).meta({ description: 'A bare JID, or a domain for everybody there.' }),
  guests: z
    .array(Glob)
    .optional()
    .meta({ description: 'Only these guests, by name; `web*` is a glob. Without it, all.' }),
});
export type Grant = z.infer<typeof Grant>;

export const BUILT_IN_ROLES = {
  viewer: { allow: ['@read'], deny: [] },
  operator: { allow: ['@read', 'guest.*', 'console.*', 'job.*'], deny: ['guest.define', 'guest.delete'] },
  admin: { allow: ['*'], deny: [] },
} as const satisfies Record<string, Role>;

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
    value.grants.forEach((grant, at) => {
      if (roleNamed(value, grant.role)) return;
      issues.push({
        code: 'custom',
        input: grant.role,
        path: ['grants', at, 'role'],
        message: `there is no role ${grant.role}; there are ${roleNames(value).join(', ')}`,
      });
    });
  });
export type Policy = z.infer<typeof Policy>;

export interface Target {
  guest?: string;
}
/** May this requester use the verb: anywhere at all (no target), or on this guest? Deny by default. */
export type May = (requester: Requester, verb: string, target?: Target) => boolean;

/** The one predicate that lists and that refuses. */
export function mayBy(policy: Policy, table: VerbTable): May {
  return (requester, verb, target) => grantsFor(policy, table, requester, verb, target).length > 0;
}

/** The grants that let it; empty where nothing does. For `role who` and for audits. */
export function grantsFor(
  policy: Policy,
  table: VerbTable,
  requester: Requester,
  verb: string,
  target?: Target,
): readonly Grant[] {
  const row = rowOf(table, verb);
  if (!row) return [];
  return policy.grants.filter(
    (grant) => isHeldBy(grant, requester) && coversVerb(policy, grant, verb, row) && coversTarget(grant, target),
  );
}

function isHeldBy(grant: Grant, requester: Requester): boolean {
  const jid = bareOf(requester.bareJid);
  return grant.jid.includes('@')
    ? bareOf(grant.jid) === jid
    : grant.jid.toLowerCase() === domainpartOf(jid) && jid.includes('@');
}

function coversVerb(policy: Policy, grant: Grant, verb: string, row: Verb): boolean {
  const role = roleNamed(policy, grant.role);
  const matches = (pattern: string): boolean =>
    pattern.startsWith('@') ? pattern === `@${row.risk}` : globMatches(pattern, verb);
  return role?.allow.some(matches) === true && !role.deny.some(matches);
}

const coversTarget = (grant: Grant, target?: Target): boolean =>
  grant.guests === undefined ||
  target?.guest === undefined ||
  grant.guests.some((glob) => globMatches(glob, target.guest ?? ''));

function roleNamed(policy: Policy, name: string): Role | undefined {
  if (Object.hasOwn(policy.roles, name)) return policy.roles[name];
  return Object.hasOwn(BUILT_IN_ROLES, name)
    ? ({
        ...BUILT_IN_ROLES[name as keyof typeof BUILT_IN_ROLES],
        deny: [...BUILT_IN_ROLES[name as keyof typeof BUILT_IN_ROLES].deny],
      } as Role)
    : undefined;
}

const roleNames = (policy: Policy): string[] => [...Object.keys(BUILT_IN_ROLES), ...Object.keys(policy.roles)];

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
