import type { AuditTrail } from '#central/audit/trail.ts';
import type { Site } from '#central/inventory/site.ts';
import type { PassOn } from '#central/verbs/passed.ts';
import type { GraphNode } from '#shared/chain/compile.ts';
import type { Action } from '#shared/chain/run.ts';
import { type Clock, paused } from '#shared/clock.ts';
import type { Ended } from '#shared/conduct/conductor.ts';
import { guestVerbOf, isSoAlready } from '#shared/conduct/guest-operation.ts';
import { Failure } from '#shared/errors.ts';
import type { May } from '#shared/verb/policy.ts';
import type { Call } from '#shared/verb/request.ts';
import { rowOf } from '#shared/verb/verb.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import { guestAt, noGuest } from './facts.ts';
import { noting } from './noting.ts';

export interface CarryDeps {
  site: Site;
  passed: Readonly<Record<string, PassOn>>;
  may: May;
  trail: Pick<AuditTrail, 'keep'>;
  clock: Clock;
}

/** What says nothing of the operation itself: it is asked again, under the same id, until it is answered. */
const UNANSWERED: ReadonlySet<string> = new Set([
  'host-unreachable',
  'no-answer',
  'not-connected',
  'operation-running',
  'operation-uncertain',
  'too-busy',
  'verb-timeout',
]);
export const AGAIN_MS = 2_000;

/** Ask until it is answered how it ended, however long its host is away. @throws the signal's reason; Failure: how it ended */
export async function untilAnswered<T>(clock: Clock, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Failure) || !UNANSWERED.has(error.code)) throw error;
    }
    await paused(clock, AGAIN_MS, signal);
    signal.throwIfAborted();
  }
}

/**
 * Have the agent of a node's host carry an operation out, once, on behalf of whoever ordered the run; resolves when the agent has
 * answered how it ended, however long its host is away.
 */
export function carrier({ site, passed, may, trail, clock }: CarryDeps) {
  const oneTry = async (node: GraphNode, action: Action, requester: string, signal: AbortSignal): Promise<Ended> => {
    const target = guestAt(site, node);
    const { operation } = action;
    if (!target) return { ok: operation.verb === 'stop', problem: noGuest(site, node) };
    const { verb, args: given } = guestVerbOf(operation, node.spec);
    const asker = { bareJid: requester, fullJid: requester };
    if (!may(asker, verb, { guest: target.contact }))
      return { ok: false, problem: `${requester} may not ${verb} ${target.contact}` };
    const call: Call = {
      ...{ verb, requester: asker, surface: 'chain', operation: operation.id, signal },
      ...(operation.supersedes ? { supersedes: operation.supersedes } : {}),
      progress: () => {},
    };
    const args = { guest: target.contact, ...given };
    const note = noting({ trail, clock }, call, rowOf(centralVerbs, verb), args);
    try {
      await passed[verb]?.(args, call);
      await note({ outcome: 'done' });
      return { ok: true };
    } catch (error) {
      if (!(error instanceof Failure) || UNANSWERED.has(error.code)) throw error;
      await note({ outcome: 'failed', code: error.code, details: error.details });
      return isSoAlready(error, operation) ? { ok: true } : { ok: false, problem: error.message };
    }
  };

  return (node: GraphNode, action: Action, requester: string, signal: AbortSignal): Promise<Ended> =>
    untilAnswered(clock, signal, () => oneTry(node, action, requester, signal));
}
