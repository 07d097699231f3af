import { Failure } from '#shared/errors.ts';
import { spokenMs } from '#shared/model/duration.ts';
import { didYouMean } from '#shared/verb/suggest.ts';
import type { Graph } from './compile.ts';
import type { Step } from './engine.ts';
import type { Wait } from './stepping.ts';

const NAMED_MAX = 5;

/** Why a node is as it is, in a sentence. @throws Failure chain-node-unknown */
export function explain(graph: Graph, step: Step, name: string, now: number): string {
  const at = graph.places.get(name);
  const node = at === undefined ? undefined : step.run.nodes[at];
  if (!node)
    throw new Failure('chain-node-unknown', {
      chain: graph.chain,
      node: name,
      hint: didYouMean(name, graph.places.keys()),
    });
  const wait = step.waits.find((each) => each.node === name);
  if (wait) return `${name} ${sayWait(wait, now)}`;
  if (node.phase === 'idle') return `${name} is not part of this run.`;
  const words = node.phase === 'left' ? 'left as it is' : node.phase;
  return `${name} is ${words} since ${spokenMs(now - node.since)}${node.note ? `: ${node.note}` : ''}.`;
}

/** What a wait is for, since when, and until when at the latest. */
export function sayWait(wait: Wait, now: number): string {
  const since = `, since ${spokenMs(now - wait.since)}`;
  const until = wait.until !== undefined && wait.until > now ? `, for at most ${spokenMs(wait.until - now)} more` : '';
  const after = wait.note ? `; before this: ${wait.note}` : '';
  return `waits ${forWhat(wait)}${since}${until}${after}.`;
}

const WHY: Readonly<Record<Wait['why'], (on: string) => string>> = {
  after: (on) => `for ${on} to be there`,
  before: (on) => `for ${on} to stop first`,
  delay: () => 'out its delay',
  bound: (on) => `for a place in ${on}, where no more may start at once`,
  hold: (on) => `until ${on} is released`,
  host: (on) => `to hear of it again: ${on} cannot be reached, which does not mean that it is down`,
  operation: (on) => `for the answer to ${on}`,
  ready: () => 'until it answers as ready',
  lapse: () => 'to be there again: it was ready, and is not now',
  retry: () => 'before it is tried again',
  state: () => 'until it is seen up',
};

function forWhat({ node, why, on, unknown }: Wait): string {
  if (unknown !== undefined) return `to hear of it again: ${unknown}, which does not mean that it is down`;
  if (why !== 'hold' || !on.includes(node)) return WHY[why](listed(on));
  const groups = on.filter((each) => each !== node);
  return groups.length === 0 ? 'to be released' : `to be released, and ${WHY.hold(listed(groups))}`;
}

function listed(names: readonly string[]): string {
  const more = names.length - NAMED_MAX;
  return names.slice(0, NAMED_MAX).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
