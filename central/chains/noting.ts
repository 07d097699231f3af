import type { AuditTrail } from '#central/audit/trail.ts';
import type { Clock } from '#shared/clock.ts';
import { auditRecord } from '#shared/verb/audit.ts';
import type { Call } from '#shared/verb/request.ts';
import type { Verb } from '#shared/verb/verb.ts';

type Recorded = Parameters<typeof auditRecord>[3];

/**
 * From now on: writes how an operation of a run ended. It is in the trail before the run knows of it, since what the run knows is not
 * asked again after a crash.
 */
export function noting(
  { trail, clock }: { trail: Pick<AuditTrail, 'keep'>; clock: Clock },
  call: Call,
  row: Verb | undefined,
  args: Readonly<Record<string, unknown>>,
): (recorded: Recorded) => Promise<void> {
  const beganAt = clock.now();
  return (recorded) => trail.keep(auditRecord(call, row, args, recorded, { beganAt, endedAt: clock.now() }));
}
