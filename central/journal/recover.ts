import type { AuditTrail } from '#central/audit/trail.ts';
import type { Database } from '#central/database/open.ts';
import type { Writer } from '#central/database/writer.ts';
import type { Job } from '#shared/model/job.ts';
import { auditRecord } from '#shared/verb/audit.ts';
import type { Recorded } from '#shared/verb/perform-deps.ts';
import type { Surface } from '#shared/verb/request.ts';
import { rowOf } from '#shared/verb/verb.ts';
import { centralVerbs } from '#shared/verbs/central.ts';

/**
 * End the operations that began a job and were cut off before that was written down: the same operation, asked again, is then answered
 * with its job, and does not begin another. Runs before anything is asked.
 */
export async function recoverJobs(database: Database, writer: Writer, trail: AuditTrail): Promise<void> {
  const cutOff = await database
    .selectFrom('operations')
    .innerJoin('jobs', (join) =>
      join.onRef('jobs.asker', '=', 'operations.requester').onRef('jobs.operation', '=', 'operations.id'),
    )
    .where('operations.recorded', 'is', null)
    .select(['jobs.job', 'jobs.args', 'jobs.requester', 'jobs.surface', 'jobs.operation', 'operations.verb'])
    .execute();
  for (const { job, args, requester, surface, operation, verb } of cutOff) {
    const begun = JSON.parse(job) as Job;
    if (begun.verb !== verb) continue;
    const asked = { verb, requester: JSON.parse(requester), surface: surface as Surface, operation };
    const recorded: Recorded = { outcome: 'job', job: begun.id };
    const at = Date.parse(begun.startedAt);
    const row = rowOf(centralVerbs, verb);
    const record = auditRecord(asked, row, JSON.parse(args), recorded, { beganAt: at, endedAt: at });
    await writer.write(async (transaction) => {
      await transaction
        .updateTable('operations')
        .set({ recorded: JSON.stringify(recorded), ended_at: begun.startedAt })
        .where('requester', '=', asked.requester.bareJid)
        .where('id', '=', operation)
        .execute();
      await trail.append(transaction, record);
    });
  }
}
