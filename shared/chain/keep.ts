import { spokenMs } from '#shared/model/duration.ts';
import { isManaged, type NodeRun, type Run } from './run.ts';
import { factAt, GONE, graphAt, isComing, nodeAt, put, retryOrFail, type Stepping, send, spell } from './stepping.ts';

/**
 * Keeping nodes up once a run is done. A run up with kept nodes ends `done` and goes on as `watching`: it is stepped as
 * before, but nothing halts it or rolls it back, and only what is kept is started again when it is seen down. What is not
 * kept and goes down is left alone; a kept node that needs it waits until it is there again, whoever brings it. A node that
 * somebody wants down for a while is held (`hold`): then its start waits. A loss is counted at the time it is seen; more
 * losses than `most` within the time of `keep`, and the node is left failed.
 */
export function lose(step: Stepping, at: number, note: string): undefined {
  const { spec } = graphAt(step, at);
  const { phase, losses = [] } = nodeAt(step, at);
  if (!spec.keep) return phase === 'ready' ? undefined : retryOrFail(step, at, note);
  const { most, withinMs, bounce } = spec.keep;
  const counted = [...losses.filter((lost) => step.now - lost < withinMs), step.now];
  if (counted.length > most) {
    const often = `${note}; that was ${counted.length} times within ${spokenMs(withinMs)}, so it is not started again`;
    return put(step, at, { phase: 'failed', losses: counted, note: often, due: undefined });
  }
  put(step, at, { phase: 'waiting', losses: counted, tries: 0, note, due: undefined, clearAt: undefined });
  if (bounce === 'dependents') mark(step, at);
}

/** Mark a node and all that cannot be without it to be brought down; those that have failed are left as they are. */
function mark(step: Stepping, from: number): undefined {
  const todo = [from];
  for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
    const { want, phase, bounce } = nodeAt(step, at);
    if (bounce || want !== 'up' || GONE.has(phase)) continue;
    put(step, at, { bounce: true });
    for (const next of graphAt(step, at).hardBefore) todo.push(next);
  }
}

/** Bring a marked node down as far as it may go now; when it is, it waits for its start as if it had never been up. */
export function bounceDown(step: Stepping, at: number): undefined {
  const node = graphAt(step, at);
  const { phase } = nodeAt(step, at);
  if (phase === 'stopping') return;
  const others = node.hardBefore.filter((next) => nodeAt(step, next).bounce);
  if (others.length > 0)
    return spell(
      step,
      at,
      'before',
      others.map((next) => nodeAt(step, next).name),
    );
  const { state } = factAt(step, at);
  const isOff = phase === 'waiting' || phase === 'retrying' || !isManaged(node);
  if (isOff || (state === 'down' && !isComing(nodeAt(step, at))))
    return put(step, at, { phase: 'waiting', bounce: undefined, tries: 0, due: undefined, clearAt: undefined });
  if (state === 'unknown') return spell(step, at, 'host', [node.spec.host ?? node.name]);
  put(step, at, { tries: 0 });
  send(step, at, 'stop', node.spec.stop.how === 'force', node.spec.stop.timeoutMs);
}

/** Whether a run that is done has something left to keep up. */
export const keepsWatch = ({ graph }: Stepping, run: Run, nodes: readonly NodeRun[]): boolean =>
  run.outcome === 'done' &&
  nodes.some(({ want, phase }, at) => {
    const node = graph.nodes[at];
    return want === 'up' && !GONE.has(phase) && node?.spec.keep !== undefined && isManaged(node);
  });
