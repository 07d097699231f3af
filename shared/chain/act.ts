import type { Edge } from './compile.ts';
import { isManaged } from './run.ts';
import { factAt, GONE, graphAt, isComing, isGood, nodeAt, put, type Stepping, send, spell } from './stepping.ts';

/** How often a node that comes up again by itself is stopped before it counts as failed. */
const STOPS_MAX = 5;

/** Bring a node up as far as it may go now. The nodes it waits for were seen to before. */
export function bringUp(step: Stepping, at: number): undefined {
  const { phase, bounce, due } = nodeAt(step, at);
  if (phase === 'starting' || phase === 'stopping')
    return bounce && phase === 'starting' ? undefined : spellOperation(step, at);
  if (bounce || GONE.has(phase)) return;
  if (graphAt(step, at).spec.kind === 'group') return joinUp(step, at);
  if (phase === 'started') return spellReady(step, at);
  if (phase === 'ready') return spellLapse(step, at);
  if (mayAdopt(step, at)) return adopt(step, at);
  if (step.run.halted)
    return put(step, at, { phase: 'blocked', note: `no more is started since ${step.run.halted} failed` });
  if (phase === 'retrying' && step.now < (due ?? 0)) return spell(step, at, 'retry', []);
  start(step, at);
}

/** Whether a node is up, and stays so: what a stop without an answer may yet take down is started like what is down. */
export function mayAdopt(step: Stepping, at: number): boolean {
  const { phase, operation } = nodeAt(step, at);
  if (phase !== 'waiting' && phase !== 'retrying') return false;
  return isManaged(graphAt(step, at)) && factAt(step, at).state === 'up' && operation?.verb !== 'stop';
}

/** What is up is taken as it is, whatever it should have waited for. */
function adopt(step: Stepping, at: number): undefined {
  put(step, at, { phase: 'started', seen: true, coming: undefined, due: step.now + graphAt(step, at).spec.timeoutMs });
  if (!isGood(step, at)) return spellReady(step, at);
  put(step, at, { phase: 'ready', due: undefined, note: undefined });
  spellLapse(step, at);
}

/** A group is there with its members, and no longer than they are. */
function joinUp(step: Stepping, at: number): undefined {
  const { lost, unmet } = look(step, graphAt(step, at).after);
  if (lost) return put(step, at, { phase: 'blocked', note: `${lost} is missing` });
  if (unmet.some((other) => nodeAt(step, other).phase !== 'ready')) put(step, at, { phase: 'waiting' });
  else if (unmet.length === 0) step.joined.add(at);
  if (unmet.length > 0) return spell(step, at, 'after', namesAt(step, unmet));
  put(step, at, { phase: 'ready', due: undefined });
}

function start(step: Stepping, at: number): undefined {
  const node = graphAt(step, at);
  const { lost, unmet } = look(step, node.after);
  if (lost) return put(step, at, { phase: 'blocked', note: `it needs ${lost}, which is missing` });
  if (unmet.length > 0) {
    put(step, at, { clearAt: undefined, due: undefined });
    return spell(step, at, 'after', namesAt(step, unmet));
  }
  const held = [at, ...node.groups].filter((each) => nodeAt(step, each).hold);
  if (held.length > 0) return spell(step, at, 'hold', namesAt(step, held));
  const clearAt = nodeAt(step, at).clearAt ?? step.now;
  put(step, at, { phase: 'waiting', clearAt, due: clearAt + node.spec.delayMs });
  if (step.now < clearAt + node.spec.delayMs) return spell(step, at, 'delay', []);
  if (isManaged(node) && factAt(step, at).state === 'unknown' && node.spec.kind !== 'host')
    return spell(step, at, 'host', [node.spec.host ?? node.name]);
  // What is only looked at, and answers at once, takes no place.
  if (!isManaged(node) && isGood(step, at)) return put(step, at, { phase: 'ready', due: undefined, note: undefined });
  const full = node.bounds.filter((group) => (step.busy.get(group) ?? 0) >= (graphAt(step, group).spec.atOnce ?? 1));
  if (full.length > 0) return spell(step, at, 'bound', namesAt(step, full));
  for (const group of node.bounds) step.busy.set(group, (step.busy.get(group) ?? 0) + 1);
  if (!isManaged(node)) {
    put(step, at, { phase: 'started', due: step.now + node.spec.timeoutMs });
    return spellReady(step, at);
  }
  send(step, at, 'start', false, node.spec.timeoutMs);
  spellOperation(step, at);
}

/** Which of the things it waits for are not there yet, by place, and whether one never will be. */
function look(step: Stepping, after: readonly Edge[]): { lost?: string; unmet: number[] } {
  const unmet: number[] = [];
  for (const edge of after) {
    const { name, phase, want } = nodeAt(step, edge.at);
    const isGone = want !== 'up' || GONE.has(phase);
    if (isGone && edge.need === 'hard') return { lost: name, unmet };
    if (isGone) continue;
    const isLax = edge.until === 'started' && graphAt(step, edge.at).spec.kind !== 'group';
    const isThere = isLax
      ? (phase === 'started' || phase === 'ready') && factAt(step, edge.at).state === 'up'
      : phase === 'ready' && isGood(step, edge.at);
    if (!isThere) unmet.push(edge.at);
  }
  return { unmet };
}

/**
 * Take a node down as far as it may go now. The nodes that wait for it were seen to before: those that cannot be without
 * it have to be stopped, the others stopped or failed.
 */
export function takeDown(step: Stepping, at: number): undefined {
  const node = graphAt(step, at);
  const { phase, operation } = nodeAt(step, at);
  const { state } = factAt(step, at);
  if (phase === 'stopping') return spellOperation(step, at);
  if (GONE.has(phase)) return;
  if (phase === 'stopped' && (state !== 'up' || !isManaged(node)))
    return operation ? spellOperation(step, at) : undefined;
  if (phase === 'stopped' && !stopAgain(step, at)) return;
  const others = node.before.filter((next) => isToStop(step, next));
  const stuck = node.hardBefore.find((next) => isToStop(step, next) && GONE.has(nodeAt(step, next).phase));
  if (stuck !== undefined) return put(step, at, { phase: 'blocked', note: `${nodeAt(step, stuck).name} did not stop` });
  const awaited = others.filter((next) => !GONE.has(nodeAt(step, next).phase));
  if (awaited.length > 0) return spell(step, at, 'before', namesAt(step, awaited));
  if (!isManaged(node)) return put(step, at, { phase: 'stopped', due: undefined });
  if (state === 'unknown') return spell(step, at, 'host', [node.spec.host ?? node.name]);
  if (state === 'down' && !isComing(nodeAt(step, at))) {
    put(step, at, { phase: 'stopped', due: undefined, mine: false });
    return operation ? spellOperation(step, at) : undefined;
  }
  send(step, at, 'stop', node.spec.stop.how === 'force', node.spec.stop.timeoutMs);
  spellOperation(step, at);
}

const isToStop = (step: Stepping, at: number): boolean =>
  nodeAt(step, at).want === 'down' && nodeAt(step, at).phase !== 'stopped';

/** It came up by itself after it was stopped. @returns whether it is stopped once more */
function stopAgain(step: Stepping, at: number): boolean {
  const tries = nodeAt(step, at).tries + 1;
  if (tries < STOPS_MAX) put(step, at, { phase: 'waiting', tries });
  else {
    put(step, at, { phase: 'failed', tries, note: `it came up again ${tries} times after it was stopped` });
    step.failed.push(at);
  }
  return tries < STOPS_MAX;
}

const namesAt = (step: Stepping, places: readonly number[]): string[] => places.map((at) => nodeAt(step, at).name);

function spellOperation(step: Stepping, at: number): undefined {
  const { operation } = nodeAt(step, at);
  const isBlind = factAt(step, at).state === 'unknown';
  const { spec, name } = graphAt(step, at);
  spell(step, at, isBlind ? 'host' : 'operation', [isBlind ? (spec.host ?? name) : (operation?.id ?? name)]);
}

const spellReady = (step: Stepping, at: number): undefined => {
  const { spec, name } = graphAt(step, at);
  const { state } = factAt(step, at);
  if (state === 'up') return spell(step, at, 'ready', [name]);
  spell(step, at, state === 'unknown' ? 'host' : 'state', [spec.host ?? name]);
};

/** It was ready, and an operation is not answered, or it does not answer as ready now: who waits for it waits on. */
function spellLapse(step: Stepping, at: number): undefined {
  const { name, operation } = nodeAt(step, at);
  if (operation) return spellOperation(step, at);
  if (isGood(step, at)) return;
  const since = Math.min(step.now, factAt(step, at).probe?.at ?? step.now);
  step.waits.push({ node: name, why: 'lapse', on: [name], since });
}
