import assert from 'node:assert/strict';
import { runTeller } from '#central/chains/telling.ts';
import type { Graph } from '#shared/chain/compile.ts';
import { advance } from '#shared/chain/engine.ts';
import { begin, cancel } from '#shared/chain/orders.ts';
import type { Fact, Facts, Run } from '#shared/chain/run.ts';
import { graphOf } from '#test/unit/support/chains/notation.ts';

/** Step a run in a world where each operation is done at once, but for nodes that never come up. */
function told(graph: Graph, { never = [] as string[], steps = 100, stopAt = 0, twice = false } = {}): string[] {
  const lines: string[] = [];
  const tell = runTeller((line) => lines.push(line));
  const nodes = new Map<string, Fact>(graph.nodes.map(({ name }) => [name, { state: 'down' }]));
  const outcomes = new Map<string, { ok: boolean; problem?: string }>();
  const facts: Facts = { nodes, outcomes };
  let run: Run = begin(graph, 'r', 'up', [], 0);
  for (let at = 1; at <= steps && run.outcome === undefined; at++) {
    const before = run;
    const step = advance(graph, run, facts, at * 1_000);
    run = at === stopAt ? cancel(step.run, at * 1_000) : step.run;
    for (const { node, operation } of step.actions) {
      if (!never.includes(node)) nodes.set(node, { state: 'up' });
      outcomes.set(operation.id, never.includes(node) ? { ok: false, problem: 'no power' } : { ok: true });
    }
    tell(graph, before, run);
    if (twice) tell(graph, run, run);
  }
  return lines;
}

describe('what is told of a run', () => {
  const grid = graphOf('venti', 'fossil <- venti', 'cpu1 <- fossil', 'cpu2 <- fossil');

  it('is a line a wave, and one for its end', () => {
    const lines = told(grid, { twice: true });
    assert.deepEqual(lines.slice(0, 3), [
      'chain c: wave 1 of 3 is up: venti',
      'chain c: wave 2 of 3 is up: fossil',
      'chain c: wave 3 of 3 is up: cpu1, cpu2',
    ]);
    assert.match(lines[3] ?? '', /^chain c up: done, 4 of 4 nodes, after \d+ s$/);
    assert.equal(lines.length, 4);
  });

  it('says what failed, and names no wave that did not come', () => {
    const lines = told(grid, { never: ['fossil'] });
    assert.equal(lines[0], 'chain c: wave 1 of 3 is up: venti');
    assert.match(lines[1] ?? '', /^chain c up: failed, 1 of 4 nodes, after \d+ s · fossil: no power/);
    assert.equal(lines.length, 2);
  });

  it('says that it was cancelled', () => {
    const lines = told(grid, { stopAt: 3 });
    assert.match(lines.at(-1) ?? '', /^chain c up: cancelled, \d of 4 nodes/);
  });

  it('names so many of a wave, and counts the rest', () => {
    const many = graphOf(...Array.from({ length: 40 }, (_, at) => `n${at}`));
    assert.match(told(many)[0] ?? '', /^chain c: wave 1 of 1 is up: (n\d+, ){11}n\d+ and 28 more$/);
  });
});
