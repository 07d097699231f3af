import { Failure } from '#shared/errors.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import { runVerb } from '#shared/xmpp/commands-client.ts';
import { CENTRAL } from './central.ts';
import type { Person } from './person.ts';
import { until } from './until.ts';

export type VerbId = keyof typeof centralVerbs;

/** What is on its way when somebody dies is answered by nobody, or by the server: it is asked again, under the same id. */
const PASSING: ReadonlySet<string> = new Set(['peer-refused', 'no-answer', 'not-connected', 'operation-running']);

/**
 * Ask central until there is an answer, confirmed, as a client does that wants to know.
 *
 * @param timeoutMs how long one answer is waited for
 * @param isPassing what else is asked again
 */
export const askUntilAnswered =
  (
    who: () => Person,
    timeoutMs: number,
    isPassing: (failure: Failure, operation: string | undefined) => boolean = () => false,
  ) =>
  (verb: VerbId, args: Record<string, unknown> = {}, operation?: string): Promise<unknown> =>
    until(`an answer to ${verb} ${operation ?? ''}`, async () => {
      const options = { confirmed: true, timeoutMs, ...(operation ? { operation } : {}) };
      try {
        return (await runVerb(who().entity, CENTRAL, verb, centralVerbs[verb], args, options)).value;
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        if (PASSING.has(error.code) || isPassing(error, operation)) return undefined;
        throw error;
      }
    });
