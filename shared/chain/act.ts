import type { Edge } from './compile.ts';
import { isManaged } from './run.ts';
import { factAt, graphAt, isGood, nodeAt, put, type Stepping, send, spell } from './stepping.ts';

/** How often a node that came up again by itself is stopped once more before it counts as failed. */
const STOPS_MAX = 5;

/** Bring a node up as far as it may go now. The nodes it waits for were seen to before. */
export function bringUp(step: Stepping, at: number): undefined {
  const { phase } = nodeAt(step, at);
  if (phase === 'starting' || phase === 'stopping') return spellOperation(step, at);
  if (phase === 'started') return graphAt(step, at).spec.kind === 'group' ? joinUp(step, at) : spellReady(step, at);
  if (phase === 'retrying' && factAt(step, at).state !== 'up') {
    if (step.now < (nodeAt(step, at).due ?? 0) && !step.run.halted) return spell(step, at, 'retry', []);
  } else if (phase !== 'waiting' && phase !== 'retrying') return;
  if (phase === 'waiting' && graphAt(step, at).spec.kind === 'group') return joinUp(step, at);
  if (isManaged(graphAt(step, at)) && factAt(step, at).state === 'up') return adopt(step, at);
  if (step.run.halted)
    return put(step, at, { phase: 'blocked', note: `no more is started since ${step.run.halted} failed` });
  start(step, at);
}

/** What is up is taken as it is, whatever it should have waited for. */
function adopt(step: Stepping, at: number): undefined {
  put(step, at, { phase: 'started', seen: true, due: step.now + graphAt(step, at).spec.timeoutMs });
  if (isGood(step, at)) put(step, at, { phase: 'ready', due: undefined, note: undefined });
  else spellReady(step, at);
}

function joinUp(step: Stepping, at: number): undefined {
  const { lost, unmet } = look(step, graphAt(step, at).after);
  if (lost) return put(step, at, { phase: 'blocked', note: `${lost} is missing` });
  if (unmet.length > 0) return spell(step, at, 'after', unmet);
  put(step, at, { phase: 'ready', due: undefined });
}

function start(step: Stepping, at: number): undefined {
  const node = graphAt(step, at);
  const { lost, unmet } = look(step, node.after);
  if (lost) return put(step, at, { phase: 'blocked', note: `it needs ${lost}, which is missing` });
  if (unmet.length > 0) {
    put(step, at, { clearAt: undefined });
    return spell(step, at, 'after', unmet);
  }
  const clearAt = nodeAt(step, at).clearAt ?? step.now;
  if (nodeAt(step, at).hold) return spell(step, at, 'hold', []);
  put(step, at, { phase: 'waiting', clearAt, due: clearAt + node.spec.delayMs });
  if (step.now < clearAt + node.spec.delayMs) return spell(step, at, 'delay', []);
  if (isManaged(node) && factAt(step, at).state === 'unknown' && node.spec.kind !== 'host')
    return spell(step, at, 'host', [node.spec.host ?? node.name]);
  const full = node.bounds.filter((group) => (step.busy.get(group) ?? 0) >= (graphAt(step, group).spec.atOnce ?? 1));
  if (full.length > 0)
    return spell(
      step,
      at,
      'bound',
      full.map((group) => graphAt(step, group).name),
    );
  for (const group of node.bounds) step.busy.set(group, (step.busy.get(group) ?? 0) + 1);
  if (!isManaged(node)) return beginToLook(step, at);
  send(step, at, 'start', false, node.spec.timeoutMs);
  spellOperation(step, at);
}

/** What is only looked at, has been started as soon as it may be looked at. */
function beginToLook(step: Stepping, at: number): undefined {
  put(step, at, { phase: 'started', due: step.now + graphAt(step, at).spec.timeoutMs, upFrom: 0 });
  if (isGood(step, at)) put(step, at, { phase: 'ready', due: undefined, note: undefined });
  else spellReady(step, at);
}

/** Which of the things it waits for are not there yet, and whether one never will be. */
function look(step: Stepping, after: readonly Edge[]): { lost?: string; unmet: string[] } {
  const unmet: string[] = [];
  for (const edge of after) {
    const { name, phase, want } = nodeAt(step, edge.at);
    const isGone = want !== 'up' || phase === 'failed' || phase === 'blocked' || phase === 'left';
    if (isGone && edge.need === 'hard') return { lost: name, unmet };
    if (isGone) continue;
    const isThere =
      phase === 'ready'
        ? isGood(step, edge.at)
        : phase === 'started' && edge.until === 'started' && factAt(step, edge.at).state === 'up';
    if (!isThere) unmet.push(name);
  }
  return { unmet };
}

/** Take a node down as far as it may go now. The nodes that wait for it were seen to before. */
export function takeDown(step: Stepping, at: number): undefined {
  const node = graphAt(step, at);
  const { phase, attempt } = nodeAt(step, at);
  const { state } = factAt(step, at);
  if (phase === 'stopping') return spellOperation(step, at);
  if (phase === 'stopped' && (state !== 'up' || !isManaged(node) || attempt >= STOPS_MAX)) return;
  if (phase === 'failed' || phase === 'blocked' || phase === 'left') return;
  const others = node.before.filter(
    (next) => nodeAt(step, next).want === 'down' && nodeAt(step, next).phase !== 'stopped',
  );
  const stuck = others.find((next) => ['failed', 'blocked', 'left'].includes(nodeAt(step, next).phase));
  if (stuck !== undefined) return put(step, at, { phase: 'blocked', note: `${nodeAt(step, stuck).name} did not stop` });
  if (others.length > 0)
    return spell(
      step,
      at,
      'before',
      others.map((next) => nodeAt(step, next).name),
    );
  if (!isManaged(node)) return put(step, at, { phase: 'stopped' });
  if (state === 'unknown') return spell(step, at, 'host', [node.spec.host ?? node.name]);
  if (state === 'down' && !nodeAt(step, at).operation) return put(step, at, { phase: 'stopped', due: undefined });
  send(step, at, 'stop', node.spec.stop.how === 'force', node.spec.stop.timeoutMs);
  spellOperation(step, at);
}

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
