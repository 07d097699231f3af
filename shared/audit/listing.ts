import { globMatches } from '#shared/verb/policy.ts';
import type { AuditRecord } from '#shared/verb/request.ts';
import { type ArgsOf, rowOf, type VerbTable } from '#shared/verb/verb.ts';
import type { AuditEntry, auditVerbs } from '#shared/verbs/audit.ts';

type Wanted = ArgsOf<(typeof auditVerbs)['audit.list']>;

/** What `audit.list` selects an entry by, but for times and numbers, which a database does. */
export const fitsIn =
  ({ verb, outcome, surface, target, requester }: Wanted) =>
  (entry: AuditEntry): boolean =>
    isLike(verb, entry.verb) &&
    isLike(outcome, entry.outcome) &&
    (surface === undefined || surface === entry.surface) &&
    isLike(target, entry.target) &&
    (isLike(requester, entry.requester) || (entry.behalfOf !== undefined && isLike(requester, entry.behalfOf)));

const isLike = (glob: string | undefined, text: string | undefined): boolean =>
  glob === undefined || (text !== undefined && globMatches(glob.toLowerCase(), text.toLowerCase()));

/** Times of a trail are UTC with milliseconds, and compare as text. Of a date it is the whole day. */
export const timesIn = ({ since, until }: Pick<Wanted, 'since' | 'until'>): { since?: string; until?: string } => ({
  ...(since === undefined ? {} : { since: utc(since) }),
  ...(until === undefined ? {} : { until: utc(until.includes('T') ? until : `${until}T23:59:59.999Z`) }),
});
const utc = (time: string): string => new Date(time).toISOString();

/** A record as it is listed. */
export function auditEntry(table: VerbTable, { seq, record }: { seq: number; record: AuditRecord }): AuditEntry {
  const { at, verb, requester, surface, operation, args, outcome, job, begun, replayed, tookMs } = record;
  const row = rowOf(table, verb);
  const target = args[row?.guestArg ?? ''] ?? args[row?.hostArg ?? ''];
  return {
    seq,
    at,
    requester: requester.bareJid,
    ...(requester.behalfOf === undefined ? {} : { behalfOf: requester.behalfOf }),
    surface,
    verb,
    ...(target === undefined ? {} : { target: String(target) }),
    args: JSON.stringify(args),
    outcome: begun ? 'begun' : outcome,
    ...(job === undefined ? {} : { job }),
    operation,
    ...(replayed === undefined ? {} : { replayed }),
    tookMs,
  };
}
