import { z } from 'zod';
import { GuestRef } from '#shared/model/guest.ts';
import { Affiliation, Grant } from '#shared/verb/grant.ts';
import { Pattern, RoleName } from '#shared/verb/policy.ts';
import { verb } from '#shared/verb/verb.ts';

const patterns = z.array(Pattern).max(100);
const role = RoleName.meta({ title: 'Role' });
const who = {
  jid: Grant.shape.jid.meta({
    title: 'Who',
    description: 'A bare JID (ann@example.org), or a domain (example.org) for everybody there.',
  }),
  affiliation: Affiliation.optional().meta({
    title: 'Affiliation',
    description: 'In place of a JID: whoever has this affiliation in a room, or a higher one.',
  }),
  room: Grant.shape.room.meta({ title: 'Room', description: 'Of the affiliation; without it, the room of central.' }),
};

export const RoleRecord = z
  .strictObject({
    role: z.string().meta({ title: 'Role' }),
    from: z.enum(['built in', 'configuration', 'verbs']).meta({
      title: 'From',
      description: 'What stands in the configuration of central is changed there alone.',
    }),
    allow: z.array(z.string()).meta({ title: 'Allow' }),
    deny: z.array(z.string()).meta({ title: 'Deny' }),
    grants: z.array(z.string()).meta({ title: 'Who has it', description: 'Those that you may see.' }),
  })
  .meta({ line: '{role} · may {allow} · not {deny} · {grants}', columns: ['role', 'from', 'allow', 'deny', 'grants'] });
export type RoleRecord = z.infer<typeof RoleRecord>;

export const WhoRecord = z
  .strictObject({
    jid: z.string().meta({ title: 'Who' }),
    as: z
      .string()
      .optional()
      .meta({ title: 'As', description: 'By which room and affiliation, and how sure that is.' }),
    may: z.boolean().meta({ title: 'May' }),
    role: z.string().meta({ title: 'Role' }),
    on: z.string().meta({ title: 'On' }),
    why: z.string().meta({ title: 'Why' }),
    from: z.enum(['configuration', 'verbs']).meta({ title: 'From' }),
  })
  .meta({ line: '{jid} · {as} · {why} · {role} on {on}, by {from}' });
export type WhoRecord = z.infer<typeof WhoRecord>;

const common = { result: RoleRecord, timeoutMs: 10_000 };

/** Who may do what at the site. A role that allows `role.grant` on everything makes an administrator. */
export const roleVerbs = {
  'role.list': verb({
    summary: 'List the roles, what each allows, and who has them.',
    risk: 'read',
    args: z.strictObject({}),
    positional: [],
    result: z.array(RoleRecord),
    failures: [],
    timeoutMs: 10_000,
    example: 'role list',
  }),
  'role.info': verb({
    ...common,
    summary: 'Show what a role allows, and who has it.',
    risk: 'read',
    args: z.strictObject({ role }),
    positional: ['role'],
    failures: ['role-not-found'],
    example: 'role info operator',
  }),
  'role.who': verb({
    summary: 'Explain who may use a verb, on any guest or on a certain one, and why.',
    risk: 'read',
    args: z.strictObject({
      verb: z.string().max(64).meta({ title: 'Verb', choices: 'verb' }),
      guest: GuestRef.optional(),
      all: z.boolean().default(false).meta({ title: 'All', description: 'Also grants that do not let, and why not.' }),
    }),
    positional: ['verb', 'guest'],
    guestArg: 'guest',
    result: z.array(WhoRecord),
    failures: ['verb-unknown', 'guest-not-found'],
    timeoutMs: 10_000,
    example: 'role who guest.start venti',
  }),
  'role.set': verb({
    ...common,
    summary: 'Make a role of the site’s own, or say anew what it allows.',
    risk: 'change',
    args: z.strictObject({
      role,
      allow: patterns.min(1).meta({ title: 'Allow', description: 'Verbs: guest.start, guest.*, @read, *.' }),
      deny: patterns.default([]).meta({ title: 'Deny', description: 'What it may not do all the same.' }),
    }),
    positional: ['role'],
    failures: ['role-last-admin'],
    example: 'role set night allow=guest.* deny=@destroy',
  }),
  'role.delete': verb({
    ...common,
    summary: 'Delete a role of the site’s own that nobody has.',
    risk: 'change',
    args: z.strictObject({ role }),
    positional: ['role'],
    failures: ['role-not-found'],
    example: 'role delete night',
  }),
  'role.grant': verb({
    ...common,
    summary: 'Give somebody a role, on all or on certain guests and hosts.',
    details:
      'Who: a JID, a domain, or those with an affiliation in a room: affiliation=member. Whoever is let into the room as such later has the role too, and whoever is put out of it has it no more.',
    risk: 'change',
    args: z.strictObject({
      role,
      ...who,
      guests: Grant.shape.guests.meta({ title: 'Guests', description: 'Only these, by name or glob.' }),
      hosts: Grant.shape.hosts.meta({ title: 'Hosts', description: 'Only on these, by name or glob.' }),
      tags: Grant.shape.tags.meta({ title: 'Tags', description: 'Only on guests with one of these, by name or glob.' }),
    }),
    positional: ['role', 'jid'],
    failures: ['role-not-found'],
    example: 'role grant operator ann@example.org guests=web*',
  }),
  'role.revoke': verb({
    ...common,
    summary: 'Take a role away from somebody, on whatever they have it.',
    risk: 'change',
    args: z.strictObject({ role, ...who }),
    positional: ['role', 'jid'],
    failures: ['role-not-found', 'grant-not-found', 'role-last-admin'],
    example: 'role revoke operator ann@example.org',
  }),
};
