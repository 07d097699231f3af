/**
 * Responsibilities: find out how a move ended, and say so to the host that the guest was to come to.
 *
 * Theory of operation: the source is asked to call it off, and to tell whether it has the guest (`guest.recall`). It answers when nothing of it
 * is under way there any more, and what it was asked before is never begun after that: so its answer holds. As long as it has the guest, that
 * one is the guest, and what is at the target is removed; else the one at the target is, and runs.
 *
 * What can go wrong: a host does not answer. It is asked again, for as long as it takes: silence is not death. One that the
 * site has forgotten will never answer: then nothing is done, and what has come stands still until a person looks after it.
 */
import { randomUUID } from 'node:crypto';
import type { AskAgent } from '#central/agents/caller.ts';
import type { Site } from '#central/inventory/site.ts';
import type { Clock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import type { ArgsOf, ResultOf } from '#shared/verb/verb.ts';
import { migrationVerbs } from '#shared/verbs/migration.ts';
import type { Move, MoveBook, Outcome } from './book.ts';

export interface EndingDeps {
  site: Site;
  ask: AskAgent;
  clock: Clock;
  book: MoveBook;
  /** Fires when central stops: what is left to do is in the book. */
  stopping: AbortSignal;
}

type Step = Exclude<keyof typeof migrationVerbs, 'guest.migrate'>;

export const stepOf = (operation: string, step: Step): string => `${operation} ${step}`;

/** How long a host is given to do its part: each of these has a time limit of its own there. */
const ANSWER_MS = 240_000;

/** Call the sending off, and be told whether it has come. @throws Failure host-not-found; why the source does not say */
export async function recalled(deps: EndingDeps, move: Move): Promise<Outcome> {
  const { name, uuid, operation, from } = move;
  const { outcome } = await askedNow(deps, move, from, 'guest.recall', { name, uuid }, [operation]);
  return outcome;
}

/** Say to the target how it ended. @throws Failure host-not-found, guest-not-found, guest-wrong-state; why the target does not answer */
export async function told(deps: EndingDeps, move: Move, outcome: Outcome): Promise<void> {
  const { id, name, uuid, operation, to } = move;
  const args = { name, uuid, outcome, move: id };
  // Of a guest that stayed, nothing is to be awaited any more.
  const supersedes = outcome === 'stayed' ? [stepOf(operation, 'guest.await')] : [];
  await askedNow(deps, move, to, 'guest.land', args, supersedes);
}

/** The target says how things are there; all other failures say nothing of that. */
const FINAL: ReadonlySet<string> = new Set(['host-not-found', 'guest-not-found', 'guest-wrong-state']);
export const isFinalOfTarget = (error: unknown): boolean => error instanceof Failure && FINAL.has(error.code);
export const isForgotten = (error: unknown): boolean => error instanceof Failure && error.code === 'host-not-found';

/** Asked under an id of its own each time: how it failed before would be the answer. It says how things shall be. */
async function askedNow<S extends Step>(
  { ask, site, stopping }: EndingDeps,
  { requester, operation }: Move,
  host: string,
  step: S,
  args: ArgsOf<(typeof migrationVerbs)[S]>,
  supersedes: readonly string[],
): Promise<ResultOf<(typeof migrationVerbs)[S]>> {
  const call = { requester, operation: `${stepOf(operation, step)} ${randomUUID()}`, supersedes };
  const signal = AbortSignal.any([AbortSignal.timeout(ANSWER_MS), stopping]);
  const { value } = await ask(site.host(host), step, migrationVerbs[step], args, { ...call, signal });
  return value as ResultOf<(typeof migrationVerbs)[S]>;
}
