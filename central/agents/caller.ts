/**
 * Responsibilities: have a verb carried out by the agent of a host, once, whatever happens on the way.
 *
 * Theory of operation: the operation id at the agent is made from the one that central was given, so that asking again, by central or
 * by whoever asked it, acts once. While the agent does not answer it is asked again, with growing pauses, until the caller's signal.
 *
 * What can go wrong: the host cannot be reached. That is said, with what is known; whether a change took effect is then known when the
 * same operation is asked again.
 */
import { createHash } from 'node:crypto';
import type { SiteChange, SiteHost } from '#central/inventory/known-site.ts';
import type { Site } from '#central/inventory/site.ts';
import { type Clock, paused } from '#shared/clock.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { shown } from '#shared/verb/arguments.ts';
import type { Call } from '#shared/verb/request.ts';
import type { Verb } from '#shared/verb/verb.ts';
import { type Ran, runVerb } from '#shared/xmpp/commands-client.ts';
import type { Entity } from '#shared/xmpp/entity.ts';
import { SUPERSEDES_FIELD } from '#shared/xmpp/verb-form.ts';
import { isAbsent, isLost } from './silence.ts';

export interface CallerDeps {
  entity: Pick<Entity, 'request' | 'bareJid'>;
  clock: Clock;
  /** Hears of agents that begin anew: what their lives before were asked, nobody answers. */
  site: Pick<Site, 'onChange'>;
}

export type AskAgent = (
  host: SiteHost,
  verb: string,
  row: Verb,
  args: Readonly<Record<string, unknown>>,
  call: Pick<Call, 'requester' | 'operation' | 'signal'> & Partial<Pick<Call, 'surface' | 'supersedes'>>,
) => Promise<Ran>;

const ATTEMPT_MS = 20_000;
const PAUSE_MS = 500;
const PAUSE_MS_MAX = 8_000;
/** The answer may have been lost, or never asked for: the same operation again is safe. */
const ASK_AGAIN: ReadonlySet<string> = new Set(['no-answer', 'not-connected', 'operation-running', 'too-busy']);

/** Longer than this nobody waits for an agent that is not there. */
const PATIENCE_MS = 20_000;

export function agentCaller({ entity, clock, site }: CallerDeps): AskAgent {
  const waiting = new Map<string, Set<Attempt>>();
  site.onChange((change) => {
    if (isAnew(change)) for (const attempt of waiting.get(change.name) ?? []) attempt.inVain();
  });
  return async (host, verb, row, args, call) => {
    if (host.reach === 'unreachable') throw unreachable(host, host.problem ?? 'it is not heard');
    const operation = operationAt(call);
    const began = clock.now();
    let isMaybeDelivered = false;
    let supersedes = call.supersedes?.map((each) => operationAt({ ...call, operation: each }));
    for (let pauseMs = PAUSE_MS; ; pauseMs = Math.min(PAUSE_MS_MAX, pauseMs * 2)) {
      const attempt = attemptOf(call.signal);
      const off = listed(waiting, host.name, attempt);
      try {
        return await runVerb(entity, `${host.jid}/agent`, verb, row, args, {
          from: entity.bareJid,
          behalfOf: call.requester.bareJid,
          operation,
          ...(supersedes ? { supersedes } : {}),
          // Who asked central has said yes to it.
          confirmed: true,
          timeoutMs: Math.max(ATTEMPT_MS, row.job ? 0 : row.timeoutMs + 2_000),
          signal: attempt.signal,
        });
      } catch (error) {
        const isGone = attempt.signal.aborted && !call.signal.aborted;
        isMaybeDelivered ||= row.risk !== 'read' && (isGone || (error instanceof Failure && isLost(error)));
        if (isGone) continue;
        if (supersedes && isStranger(error)) {
          supersedes = undefined;
          continue;
        }
        if (!mayAskAgain(error)) throw error;
        if (call.signal.aborted || clock.now() - began + pauseMs > PATIENCE_MS)
          throw isMaybeDelivered
            ? new Failure('operation-uncertain', { operation: call.operation }, { cause: error })
            : unreachable(host, messageOf(error));
        await paused(clock, pauseMs, call.signal);
      } finally {
        off();
        attempt.end();
      }
    }
  };
}

/** An agent from before it could be told that refuses the field as an argument that it does not know, before it does anything. */
const isStranger = (error: unknown): boolean =>
  error instanceof Failure && error.code === 'bad-argument' && error.details.field === shown(SUPERSEDES_FIELD);

/** One try at an agent; it ends early where the caller gives up, or the agent forgets whom it owes an answer. */
interface Attempt {
  signal: AbortSignal;
  inVain(): void;
  /** Nobody waits for it any more. */
  end(): void;
}

/** By hand: AbortSignal.any is dear where there are thousands. */
function attemptOf(given: AbortSignal): Attempt {
  const own = new AbortController();
  const giveUp = (): void => own.abort(given.reason);
  given.addEventListener('abort', giveUp, { once: true });
  if (given.aborted) giveUp();
  return {
    signal: own.signal,
    inVain: () => own.abort(new Failure('no-answer', {})),
    end: () => given.removeEventListener('abort', giveUp),
  };
}

/** Returns what takes it away again. */
function listed(waiting: Map<string, Set<Attempt>>, host: string, attempt: Attempt): () => void {
  const there = waiting.get(host) ?? new Set();
  waiting.set(host, there.add(attempt));
  return () => {
    there.delete(attempt);
    if (there.size === 0 && waiting.get(host) === there) waiting.delete(host);
  };
}

/** Whether the agent of a host has begun anew. */
const isAnew = (change: SiteChange): change is Extract<SiteChange, { what: 'host' }> =>
  change.what === 'host' && change.before?.known.epoch !== change.after?.known.epoch;

/**
 * Different for each requester, and of a length that any agent takes. Those of a chain belong to the run, whoever turned it last: what took
 * the place of another's has to name it.
 */
const operationAt = ({
  requester,
  operation,
  surface,
}: Pick<Call, 'requester' | 'operation'> & Partial<Pick<Call, 'surface'>>): string =>
  createHash('sha256')
    .update(JSON.stringify([surface === 'chain' ? null : requester.bareJid, operation]))
    .digest('hex')
    .slice(0, 40);

const mayAskAgain = (error: unknown): boolean =>
  error instanceof Failure && (ASK_AGAIN.has(error.code) || isAbsent(error));

const unreachable = (host: SiteHost, problem: string): Failure =>
  new Failure('host-unreachable', { host: host.name, problem: problem.replace(/\.$/, '') });
