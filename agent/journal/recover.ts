import type { Recorded } from '#shared/verb/perform.ts';
import type { AgentJournal, OpenOperation } from './journal.ts';
import { type Facts, settled } from './settle.ts';

export interface RecoverDeps {
  journal: Pick<AgentJournal, 'open' | 'settle' | 'audit'>;
  factsOf(verb: string, args: object): Promise<Facts>;
  now(): number;
  log: { warn(fields: object, message: string): void };
}

/**
 * Find out, from the hypervisor, what became of the operations that an earlier run of this agent had begun and not ended.
 * Runs before anything is obeyed, so that the same id cannot come in between.
 */
export async function recover({ journal, factsOf, now, log }: RecoverDeps): Promise<void> {
  for (const operation of journal.open()) {
    const after = await factsOf(operation.verb, operation.args);
    const verdict = settled(operation.verb, operation.before, after, operation.args);
    const at = new Date(now()).toISOString();
    log.warn({ operation: operation.id, verb: operation.verb, verdict }, 'operation was cut off');
    const recorded = recordedOf(verdict, operation, after);
    journal.settle(operation, recorded, at);
    if (recorded === 'released') continue;
    journal.audit({
      at,
      verb: operation.verb,
      surface: operation.surface,
      operation: operation.id,
      args: operation.args,
      requester: { bareJid: operation.requester, fullJid: operation.requester },
      outcome: recorded.outcome === 'failed' ? recorded.code : 'done',
      tookMs: now() - Date.parse(operation.beganAt),
    });
  }
}

function recordedOf(
  verdict: ReturnType<typeof settled>,
  operation: OpenOperation,
  after: Facts,
): Recorded | 'released' {
  if (verdict === 'not-done') return 'released';
  if (verdict === 'done') return { outcome: 'done', value: after.guest ?? operation.before.guest };
  return { outcome: 'failed', code: 'operation-uncertain', details: { operation: operation.id } };
}
