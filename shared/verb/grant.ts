import { z } from 'zod';
import { bareOf, isJid } from '#shared/xmpp/jid.ts';

const Glob = z.string().min(1).max(255);

/** Affiliations of a room (XEP-0045), the highest first. */
export const AFFILIATIONS = ['owner', 'admin', 'member'] as const;
export const Affiliation = z.enum(AFFILIATIONS);
export type Affiliation = z.infer<typeof Affiliation>;

/** Who has a role, and on what: a JID, a domain, or whoever has an affiliation in a room. */
export const Grant = z
  .strictObject({
    role: z.string().meta({ description: 'viewer, operator, admin, or one of `roles`.' }),
    jid: z
      .string()
      .refine((jid) => isJid(jid) && !/[/*]/.test(jid), 'a bare JID (ann@example.org) or a domain (example.org) is due')
      .optional()
      .meta({ description: 'A bare JID, or a domain for everybody there.' }),
    affiliation: Affiliation.optional().meta({
      description:
        'In place of `jid`: whoever has this affiliation in `room`, or a higher one. Central alone reads rooms.',
    }),
    room: z
      .string()
      .refine((jid) => isJid(jid) && /^[^@/]+@[^@/]+$/.test(jid), 'a room is due, as ops@conference.example.org')
      .optional()
      .meta({ description: 'The room of `affiliation`.' }),
    guests: z
      .array(Glob)
      .optional()
      .meta({ description: 'Only these guests, by name; `web*` is a glob. Without it, all.' }),
    hosts: z.array(Glob).optional().meta({ description: 'Only on these hosts, by name or glob. Without it, all.' }),
    tags: z.array(Glob).optional().meta({
      description:
        'Only on guests with one of these tags, by name or glob. Central knows tags; an agent lets nothing by such a grant.',
    }),
  })
  .check(({ value, issues }) => {
    const { jid, affiliation, room } = value;
    if (jid !== undefined ? !affiliation && !room : affiliation && room) return;
    const message = 'say who: either `jid`, or `affiliation` and `room`';
    issues.push({ code: 'custom', input: jid, path: ['jid'], message });
  });
export type Grant = z.infer<typeof Grant>;

/** Bare JIDs and domains that hold a grant. */
export type Holders = (grant: Grant) => readonly string[];

/** Where no room can be read, nobody holds a grant to one. */
export const namedHolders: Holders = ({ jid }) => (jid === undefined ? [] : [bareOf(jid)]);

/** A grant as one for each of its holders. */
export function grantEach(given: Grant, holders: Holders): JidGrant[] {
  const { affiliation: _, room: __, ...grant } = given;
  return holders(given).map((jid) => ({ ...grant, jid }));
}

export type JidGrant = Omit<Grant, 'affiliation' | 'room'> & { jid: string };

/** `members of ops@conference.example.org`, or the JID. */
export const holderText = ({ jid, affiliation, room }: Grant): string =>
  jid ?? `${affiliation}s of ${bareOf(room ?? '')}`;
