import type { AuditTrail } from '#central/audit/trail.ts';
import { auditEntry, fitsIn, timesIn } from '#shared/audit/listing.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { VerbTable } from '#shared/verb/verb.ts';
import type { AuditEntry, auditVerbs } from '#shared/verbs/audit.ts';

export interface AuditDeps {
  trail: AuditTrail;
  table: VerbTable;
}

/** An answer goes in one stanza, which the server bounds. */
const EXPORT_BYTES = 100_000;

export function auditHandlers({ trail, table }: AuditDeps): Handlers<typeof auditVerbs> {
  return {
    'audit.list': async (wanted, { signal }) => {
      const { limit, before } = wanted;
      const fits = fitsIn(wanted);
      const found: AuditEntry[] = [];
      for await (const entry of trail.backward({ before, ...timesIn(wanted) })) {
        signal.throwIfAborted();
        const listed = auditEntry(table, entry);
        if (fits(listed)) found.push(listed);
        if (found.length >= limit) break;
      }
      return found;
    },
    'audit.verify': async () => {
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
