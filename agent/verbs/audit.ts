import type { AgentJournal } from '#agent/journal/journal.ts';
import { auditEntry, fitsIn, timesIn } from '#shared/audit/listing.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import { type AgentAuditVerbs, agentVerbs } from '#shared/verbs/agent.ts';
import type { AuditEntry } from '#shared/verbs/audit.ts';

export interface AuditDeps {
  journal: Pick<AgentJournal, 'auditBackward'>;
}

/** So many entries are looked at before others have their turn. */
const BREATH = 2_000;

/** What this host was asked: by people on the direct way, and by central on behalf of whom. */
export const auditHandlers = ({ journal }: AuditDeps): Handlers<AgentAuditVerbs> => ({
  'audit.list': async (wanted, { signal }) => {
    const fits = fitsIn(wanted);
    const found: AuditEntry[] = [];
    let looked = 0;
    for (const entry of journal.auditBackward({ before: wanted.before, ...timesIn(wanted) })) {
      const listed = auditEntry(agentVerbs, entry);
      if (fits(listed)) found.push(listed);
      if (found.length >= wanted.limit) break;
      if (++looked % BREATH !== 0) continue;
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
    }
    return found;
  },
});
