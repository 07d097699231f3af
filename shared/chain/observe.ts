import { spokenMs } from '#shared/model/duration.ts';
import { lose } from './keep.ts';
import { isManaged, type Operation } from './run.ts';
import {
  answerAt,
  factAt,
  graphAt,
  isGood,
  nodeAt,
  pauseMs,
  put,
  retryOrFail,
  type Stepping,
  send,
} from './stepping.ts';

/**
 * Take in what facts say of a node that is under way: what was done, came up, is ready, went down, or took too long.
 *
 * A node that goes down after it was ready is tried again like one that never came up (`retries`), while the run goes on; one that the
 * run has not started itself is no failure: it is started.
 * What depends on it and is up already is left alone, as it may well live without; what is not up yet waits for it, or is
 * blocked once it has failed. After the run is done only kept nodes are seen to (keep.ts).
 */
export function observe(step: Stepping, at: number): undefined {
  clampClock(step, at);
  const { phase, want, bounce } = nodeAt(step, at);
  if (phase === 'stopping') return observeStop(step, at);
  if (phase === 'starting' && !bounce) observeStart(step, at);
  else takeAnswer(step, at);
  if (want !== 'up' || bounce) return;
  const now = nodeAt(step, at).phase;
  if (now === 'started' || now === 'ready') observeUp(step, at);
}

/** An answer that came after the node went on: nothing of it is under way any more. */
function takeAnswer(step: Stepping, at: number): undefined {
  const { operation, seen } = nodeAt(step, at);
  const answer = answerAt(step, at);
  if (!operation || !answer) return;
  put(step, at, { operation: undefined, ...(!seen && mayHaveCome(operation, answer.ok) ? { coming: true } : {}) });
}

/** Whether, by an answer, this start or one before it that was not answered may have been carried out. */
const mayHaveCome = ({ verb, supersedes, beats }: Operation, isOk: boolean): boolean =>
  verb === 'start' ? isOk || supersedes !== undefined : beats === true && !isOk;

/** A clock that was set back must not make a wait longer: what would lie ahead happened now, and no wait is longer than its whole. */
function clampClock(step: Stepping, at: number): undefined {
  const { since, upFrom, clearAt, due, losses } = nodeAt(step, at);
  const latest = step.now + limitMs(step, at);
  if (Math.max(since, upFrom, clearAt ?? 0, ...(losses ?? [])) <= step.now && (due ?? 0) <= latest) return;
  const back = Math.max(0, since - step.now);
  step.nodes[at] = {
    ...nodeAt(step, at),
    since: Math.min(since, step.now),
    upFrom: Math.min(upFrom, step.now),
    ...(clearAt === undefined ? {} : { clearAt: Math.min(clearAt, step.now) }),
    ...(due === undefined ? {} : { due: Math.min(due - back, latest) }),
    ...(losses === undefined ? {} : { losses: losses.map((lost) => Math.min(lost, step.now)) }),
  };
}

/** How long the phase of a node may last. */
function limitMs(step: Stepping, at: number): number {
  const { phase, tries } = nodeAt(step, at);
  const { spec } = graphAt(step, at);
  if (phase === 'starting' || phase === 'started') return spec.timeoutMs;
  if (phase === 'stopping') return spec.stop.timeoutMs;
  return phase === 'retrying' ? pauseMs(spec.retries, Math.max(1, tries)) : spec.delayMs;
}

/** While its host cannot be reached a node's time stands still: unreachable is not down. @returns whether it does */
function isPaused(step: Stepping, at: number, timeoutMs: number): boolean {
  const isBlind =
    isManaged(graphAt(step, at)) && graphAt(step, at).spec.kind !== 'host' && factAt(step, at).state === 'unknown';
  const { due } = nodeAt(step, at);
  if (isBlind && due !== undefined) put(step, at, { due: undefined });
  if (!isBlind && due === undefined) put(step, at, { due: step.now + timeoutMs });
  return isBlind;
}

const isOver = (step: Stepping, at: number): boolean => step.now >= (nodeAt(step, at).due ?? Number.POSITIVE_INFINITY);

function observeStart(step: Stepping, at: number): undefined {
  const { spec } = graphAt(step, at);
  const { operation } = nodeAt(step, at);
  const answer = answerAt(step, at);
  // Where a stop may still be under way, its being up is not enough: the agent has to have answered.
  if (factAt(step, at).state === 'up' && (answer?.ok || !operation?.beats))
    return put(step, at, { phase: 'started', seen: true, operation: answer ? undefined : operation });
  if (answer?.ok) return put(step, at, { phase: 'started', operation: undefined, coming: true });
  if (answer) {
    const coming = operation && mayHaveCome(operation, false) ? true : undefined;
    put(step, at, { operation: undefined, coming });
    return retryOrFail(step, at, answer.problem ?? 'its start was refused');
  }
  if (isPaused(step, at, spec.timeoutMs)) return;
  if (isOver(step, at)) retryOrFail(step, at, `its start did not end within ${spokenMs(spec.timeoutMs)}`);
}

function observeUp(step: Stepping, at: number): undefined {
  const node = nodeAt(step, at);
  const { spec } = graphAt(step, at);
  const { state, why } = factAt(step, at);
  const hasOwnState = isManaged(graphAt(step, at));
  if (hasOwnState && state === 'up' && (!node.seen || node.coming)) put(step, at, { seen: true, coming: undefined });
  if (hasOwnState && state === 'down' && node.seen) {
    const note = `it went down${why ? `: ${why}` : ''}`;
    if (step.run.outcome) return lose(step, at, note);
    return node.mine ? retryOrFail(step, at, note) : startAnew(step, at, note);
  }
  if (node.phase === 'ready' || spec.kind === 'group') return;
  if (isGood(step, at)) return put(step, at, { phase: 'ready', due: undefined, note: undefined });
  if (isPaused(step, at, spec.timeoutMs)) return;
  if (isOver(step, at)) retryOrFail(step, at, `it was not ready within ${spokenMs(spec.timeoutMs)}`);
}

/** It was taken as it is, by what may have been old news: it waits for its start as if it had been seen down from the first. */
const startAnew = (step: Stepping, at: number, note: string): undefined =>
  put(step, at, { phase: 'waiting', seen: false, note, due: undefined, clearAt: undefined });

function observeStop(step: Stepping, at: number): undefined {
  const { operation } = nodeAt(step, at);
  const { spec } = graphAt(step, at);
  const answer = answerAt(step, at);
  // Where a start may still be under way, its being down is not enough: the agent has to have answered.
  if (factAt(step, at).state === 'down' && (answer?.ok || !operation?.beats)) return afterStop(step, at);
  if (isPaused(step, at, spec.stop.timeoutMs)) return;
  if (!isOver(step, at) && (answer?.ok ?? true)) return;
  if (!operation?.force && spec.stop.andThen === 'force') return send(step, at, 'stop', true, spec.stop.timeoutMs);
  const note = answer?.problem ?? `it did not stop within ${spokenMs(spec.stop.timeoutMs)}`;
  put(step, at, {
    phase: 'failed',
    note,
    due: undefined,
    bounce: undefined,
    operation: answer ? undefined : operation,
    // The start that it was to beat may have been carried out: that it is seen down may be old news.
    ...(answer && operation && mayHaveCome(operation, answer.ok) ? { coming: true } : {}),
  });
  step.failed.push(at);
}

/** It is down: for good, for a pause before it is tried again, or until what it needs is there again. */
function afterStop(step: Stepping, at: number): undefined {
  const { operation, want, tries } = nodeAt(step, at);
  const { retries } = graphAt(step, at).spec;
  const rest = { operation: answerAt(step, at) ? undefined : operation, coming: undefined, due: undefined };
  if (want !== 'up') return put(step, at, { ...rest, phase: 'stopped', mine: false });
  if (tries === 0) return put(step, at, { ...rest, phase: 'waiting', bounce: undefined, clearAt: undefined });
  put(step, at, { ...rest, phase: 'retrying', bounce: undefined, due: step.now + pauseMs(retries, tries) });
}
