import type { AuditTrail, TrailEntry } from '#central/audit/trail.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import { globMatches } from '#shared/verb/policy.ts';
import { rowOf, type VerbTable } from '#shared/verb/verb.ts';
import type { AuditEntry, auditVerbs } from '#shared/verbs/audit.ts';

export interface AuditDeps {
  trail: AuditTrail;
  table: VerbTable;
}

/** An answer goes in one stanza, which the server bounds. */
const EXPORT_BYTES = 100_000;

export function auditHandlers({ trail, table }: AuditDeps): Handlers<typeof auditVerbs> {
  return {
    'audit.list': async ({ limit, before, since, until, ...globs }, { signal }) => {
      const fits = (entry: AuditEntry): boolean =>
        isLike(globs.verb, entry.verb) &&
        isLike(globs.outcome, entry.outcome) &&
        (globs.surface === undefined || globs.surface === entry.surface) &&
        isLike(globs.target, entry.target) &&
        (isLike(globs.requester, entry.requester) ||
          (entry.behalfOf !== undefined && isLike(globs.requester, entry.behalfOf)));
      const found: AuditEntry[] = [];
      for await (const entry of trail.backward({
        before,
        since: since && utc(since),
        until: until && utc(lastOf(until)),
      })) {
        signal.throwIfAborted();
        const listed = auditEntry(table, entry);
        if (fits(listed)) found.push(listed);
        if (found.length >= limit) break;
      }
      return found;
    },
    'audit.verify': async () => {
      await trail.flush();
      const verdict = await trail.verify();
      return { whole: verdict.brokenAt === undefined, ...verdict };
    },
    'audit.export': async ({ from, limit }) => {
      const entries = await trail.from(from, limit + 1);
      const lines: string[] = [];
      let bytes = 0;
      for (const entry of entries.slice(0, limit)) {
        const line = JSON.stringify(entry);
        bytes += Buffer.byteLength(line) + 1;
        if (lines.length > 0 && bytes > EXPORT_BYTES) break;
        lines.push(line);
      }
      const last = entries[lines.length - 1];
      return { lines: lines.join('\n'), next: last ? last.seq + 1 : from, more: entries.length > lines.length };
    },
  };
}

const isLike = (glob: string | undefined, text: string | undefined): boolean =>
  glob === undefined || (text !== undefined && globMatches(glob.toLowerCase(), text.toLowerCase()));

/** Times of the trail are UTC with milliseconds, and compare as text. */
const utc = (time: string): string => new Date(time).toISOString();
/** Of a date: the end of that day. */
const lastOf = (time: string): string => (time.includes('T') ? time : `${time}T23:59:59.999Z`);

function auditEntry(table: VerbTable, { seq, record }: TrailEntry): AuditEntry {
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
