import { z } from 'zod';
import { SURFACES } from '#shared/verb/request.ts';
import { verb } from '#shared/verb/verb.ts';

const isTime = (text: string): boolean =>
  z.iso.datetime({ offset: true }).safeParse(text).success || z.iso.date().safeParse(text).success;
const Time = z.string().refine(isTime, 'a time is due, as 2027-01-01 or 2027-01-01T03:00:00Z (RFC 3339)');
const whole = 'RFC 3339; a date is the whole day, in UTC.';
const glob = z.string().min(1).max(255).optional();
const description = '`*` stands for any run of characters.';

/** A line of the audit trail, as it is listed. */
export const AuditEntry = z
  .strictObject({
    seq: z.int().meta({ title: 'Number' }),
    at: z.string().meta({ title: 'At', description: 'RFC 3339.' }),
    requester: z.string().meta({ title: 'Requester' }),
    behalfOf: z.string().optional().meta({ title: 'On behalf of' }),
    surface: z.string().meta({ title: 'By way of' }),
    verb: z.string().meta({ title: 'Verb' }),
    target: z.string().optional().meta({ title: 'Target' }),
    args: z.string().meta({ title: 'Arguments', description: 'JSON; what is secret reads ***.' }),
    outcome: z
      .string()
      .meta({ title: 'Outcome', description: '`done`, `begun` where it is a job that goes on, or the failure.' }),
    job: z.string().optional().meta({ title: 'Job' }),
    operation: z.string().meta({ title: 'Operation' }),
    replayed: z.boolean().optional().meta({ title: 'Asked before' }),
    tookMs: z.number().meta({ title: 'Took', unit: 'ms' }),
  })
  .meta({
    line: '{seq} · {at} · {requester} · {surface} · {verb} {target} · {outcome}',
    columns: ['seq', 'at', 'requester', 'surface', 'verb', 'target', 'outcome', 'args'],
  });
export type AuditEntry = z.infer<typeof AuditEntry>;

export const auditVerbs = {
  'audit.list': verb({
    summary: 'List who asked for what, and what became of it, the newest first.',
    risk: 'read',
    args: z.strictObject({
      requester: glob.meta({ title: 'Requester', description }),
      verb: glob.meta({ title: 'Verb', description }),
      target: glob.meta({ title: 'Guest or host', description }),
      outcome: glob.meta({ title: 'Outcome', description: '`done`, `begun`, or a failure; * as above.' }),
      surface: z.enum(SURFACES).optional().meta({ title: 'By way of' }),
      since: Time.optional().meta({ title: 'Since', description: whole }),
      until: Time.optional().meta({ title: 'Until', description: whole }),
      limit: z.int().min(1).max(1000).default(50).meta({ title: 'Limit' }),
      before: z.int().min(1).optional().meta({ title: 'Before', description: 'Only entries of a lower number.' }),
    }),
    positional: [],
    result: z.array(AuditEntry),
    failures: [],
    timeoutMs: 60_000,
    example: 'audit list verb=guest.* outcome=not-permitted since=2027-01-01',
  }),
  'audit.verify': verb({
    summary: 'Look whether the audit trail was changed or cut.',
    details:
      'Each entry holds a hash over the one before. What was cut off at the end shows when `entries` or the last hash is compared with what was noted before.',
    risk: 'read',
    args: z.strictObject({}),
    positional: [],
    result: z
      .strictObject({
        whole: z.boolean().meta({ title: 'Whole' }),
        entries: z.int().meta({ title: 'Entries', description: 'That follow from each other, from the first on.' }),
        brokenAt: z.int().optional().meta({ title: 'Broken at', description: 'Number of the first that does not.' }),
        hash: z.string().meta({ title: 'Last hash', description: 'Of the last of these entries.' }),
      })
      .meta({ line: 'whole: {whole} · {entries} entries · broken at {brokenAt} · {hash}' }),
    failures: [],
    timeoutMs: 600_000,
    example: 'audit verify',
  }),
  'audit.export': verb({
    summary: 'Print a part of the audit trail as JSON lines, the oldest first.',
    details: 'Each line has seq, at, record and hash. The next part begins at the last number and one.',
    risk: 'read',
    args: z.strictObject({
      from: z.int().min(1).default(1).meta({ title: 'From', description: 'Number of the first entry.' }),
      limit: z.int().min(1).max(1000).default(1000).meta({ title: 'Limit' }),
    }),
    positional: ['from', 'limit'],
    result: z
      .strictObject({
        lines: z.string().meta({ title: 'Lines', multiline: true }),
        next: z.int().meta({ title: 'Next', description: '`from` of the next part.' }),
        more: z.boolean().meta({ title: 'More', description: 'Whether there was more when this was asked.' }),
      })
      .meta({ line: '{lines}' }),
    failures: [],
    timeoutMs: 30_000,
    example: 'audit export from=1001',
  }),
};
