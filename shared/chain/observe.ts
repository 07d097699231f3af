import { spokenMs } from '#shared/model/duration.ts';
import { isManaged } from './run.ts';
import { factAt, graphAt, isGood, nodeAt, pauseMs, put, retryOrFail, type Stepping, send } from './stepping.ts';

/** Take in what facts say of a node that is under way: what was done, came up, is ready, went down, or took too long. */
export function observe(step: Stepping, at: number): undefined {
  clampClock(step, at);
  const { phase, want } = nodeAt(step, at);
  if (want === 'none' || phase === 'left') return;
  if (phase === 'stopping') return observeStop(step, at);
  if (phase === 'starting') observeStart(step, at);
  const now = nodeAt(step, at).phase;
  if (now === 'started' || now === 'ready') observeUp(step, at);
}

/** A clock that was set back must not make a wait longer: what would lie ahead happened now. */
function clampClock(step: Stepping, at: number): undefined {
  const { since, upFrom, clearAt } = nodeAt(step, at);
  if (since <= step.now && upFrom <= step.now && (clearAt ?? 0) <= step.now) return;
  const { due } = nodeAt(step, at);
  const back = Math.max(0, since - step.now);
  step.nodes[at] = {
    ...nodeAt(step, at),
    since: Math.min(since, step.now),
    upFrom: Math.min(upFrom, step.now),
    ...(clearAt === undefined ? {} : { clearAt: Math.min(clearAt, step.now) }),
    ...(due === undefined ? {} : { due: due - back }),
  };
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
  const outcome = step.facts.outcomes.get(nodeAt(step, at).operation?.id ?? '');
  if (factAt(step, at).state === 'up') return put(step, at, { phase: 'started', seen: true });
  if (outcome?.ok) return put(step, at, { phase: 'started', operation: undefined });
  if (outcome) {
    put(step, at, { operation: undefined });
    return retryOrFail(step, at, outcome.problem ?? 'its start was refused');
  }
  if (isPaused(step, at, spec.timeoutMs)) return;
  if (isOver(step, at)) retryOrFail(step, at, `its start did not end within ${spokenMs(spec.timeoutMs)}`);
}

function observeUp(step: Stepping, at: number): undefined {
  const node = nodeAt(step, at);
  const { spec } = graphAt(step, at);
  const { state, why } = factAt(step, at);
  if (node.operation && step.facts.outcomes.has(node.operation.id)) put(step, at, { operation: undefined });
  if (state === 'up' && !node.seen) put(step, at, { seen: true });
  if (state === 'down' && node.seen && isManaged(graphAt(step, at)))
    return retryOrFail(step, at, `it went down${why ? `: ${why}` : ''}`);
  if (node.phase === 'ready' || spec.kind === 'group') return;
  if (isGood(step, at)) return put(step, at, { phase: 'ready', due: undefined, note: undefined });
  if (isPaused(step, at, spec.timeoutMs)) return;
  if (isOver(step, at)) retryOrFail(step, at, `it was not ready within ${spokenMs(spec.timeoutMs)}`);
}

function observeStop(step: Stepping, at: number): undefined {
  const { operation, want, tries } = nodeAt(step, at);
  const { spec } = graphAt(step, at);
  const outcome = step.facts.outcomes.get(operation?.id ?? '');
  const { state } = factAt(step, at);
  // Where a start may still be under way, its being down is not enough: the agent has to have answered.
  const isDone = state === 'down' && (outcome?.ok || !operation?.supersedes);
  if (isDone)
    return want === 'up'
      ? put(step, at, {
          phase: 'retrying',
          operation: undefined,
          due: step.now + pauseMs(spec.retries, Math.max(1, tries)),
        })
      : put(step, at, { phase: 'stopped', operation: undefined, due: undefined });
  if (isPaused(step, at, spec.stop.timeoutMs)) return;
  if (!isOver(step, at) && (outcome?.ok ?? true)) return;
  if (!operation?.force && spec.stop.andThen === 'force') return send(step, at, 'stop', true, spec.stop.timeoutMs);
  const note = outcome?.problem ?? `it did not stop within ${spokenMs(spec.stop.timeoutMs)}`;
  put(step, at, { phase: 'failed', note, due: undefined });
  step.failed.push(at);
}
