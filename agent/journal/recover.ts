import { messageOf } from '#shared/errors.ts';
import type { AgentJournal } from './journal.ts';
import type { Facts } from './settle.ts';

export interface RecoverDeps {
  journal: Pick<AgentJournal, 'open' | 'settle'>;
  factsOf(verb: string, args: object): Promise<Facts>;
  now(): number;
  log: { warn(fields: object, message: string): void };
}

/**
 * Find out, from the hypervisor, what became of the operations that an earlier run of this agent had begun and not ended.
 *
 * Runs before any change is obeyed. One whose facts cannot be had now stays open: it is judged when its id comes again, and
 * has no second effect before that.
 * @returns how many stayed open
 */
export async function recover({ journal, factsOf, now, log }: RecoverDeps): Promise<number> {
  let left = 0;
  for (const operation of journal.open()) {
    const { id, verb, requester, beganAt } = operation;
    const fields = { operation: id, verb, requester, agoMs: now() - Date.parse(beganAt) };
    try {
      const { verdict } = journal.settle(operation, await factsOf(verb, operation.args));
      log.warn({ ...fields, verdict }, 'operation was cut off');
    } catch (error) {
      left++;
      log.warn({ ...fields, problem: messageOf(error) }, 'operation was cut off, and cannot be looked into now');
    }
  }
  return left;
}
