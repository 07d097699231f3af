import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '#shared/errors.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { runVerb } from '#shared/xmpp/commands-client.ts';
import type { Person } from './person.ts';

/** One change that somebody wants once, with the id that makes it one. */
export interface Operation {
  verb: keyof typeof agentVerbs;
  args: Record<string, unknown>;
  operation: string;
}

export const operationOf = (verb: Operation['verb'], args: Operation['args']): Operation => ({
  verb,
  args,
  operation: randomUUID(),
});

/** How it ended: what was answered, as JSON, or the code of the failure. */
export async function outcomeOf(
  by: Person,
  to: string,
  { verb, args, operation }: Operation,
  timeoutMs = 5_000,
): Promise<string> {
  try {
    const options = { operation, confirmed: true, timeoutMs };
    return JSON.stringify((await runVerb(by.entity, to, verb, agentVerbs[verb], args, options)).value);
  } catch (error) {
    if (error instanceof Failure) return error.code;
    throw error;
  }
}

/** That the answer is lost, or not due yet, is no outcome: whoever hears it asks again. */
export const NO_OUTCOME: ReadonlySet<string> = new Set([
  'not-connected',
  'no-answer',
  'peer-refused',
  'operation-running',
]);

const ASKING_MS_MAX = 60_000;

/** Ask until there is an outcome, with the same id. @returns it, and how often there was none */
export async function settle(by: Person, to: string, wanted: Operation): Promise<{ outcome: string; lost: number }> {
  const end = performance.now() + ASKING_MS_MAX;
  for (let lost = 0; ; lost++) {
    const outcome = await outcomeOf(by, to, wanted);
    if (!NO_OUTCOME.has(outcome)) return { outcome, lost };
    if (performance.now() > end) throw new Error(`${wanted.verb} has no outcome but ${outcome}`);
    await delay(100);
  }
}
