import assert from 'node:assert/strict';
import { drawn, shapes } from '#test/unit/shared/chain/families/family.ts';
import { graphOf } from '#test/unit/support/chains/notation.ts';
import { explore } from './chains/model.ts';

interface Row {
  count: number;
  /** Shapes with fewer edges than this are left out: nodes that have nothing to do with each other multiply orders. */
  edges: number;
  troubles: number;
  turns: number;
  goals: readonly ('up' | 'down')[];
  keys: readonly string[];
}

const BOTH = ['up', 'down'] as const;
const KEYS = ['', 'retries 1 1s', 'on-failure rollback', 'keep 2 1m dependents'];

const ROWS: readonly Row[] = [
  { count: 1, edges: 0, troubles: 2, turns: 2, goals: BOTH, keys: [...KEYS, 'stop-then fail'] },
  { count: 2, edges: 0, troubles: 1, turns: 1, goals: BOTH, keys: KEYS },
  { count: 3, edges: 1, troubles: 1, turns: 0, goals: BOTH, keys: KEYS },
  { count: 3, edges: 1, troubles: 0, turns: 1, goals: BOTH, keys: [''] },
  { count: 4, edges: 0, troubles: 0, turns: 0, goals: BOTH, keys: KEYS },
  { count: 4, edges: 3, troubles: 1, turns: 0, goals: ['up'], keys: [''] },
];

const titled = ({ count, edges, troubles, turns }: Row, key: string): string =>
  `${count} nodes, ${edges} edges or more, ${troubles} troubles, ${turns} turns${key ? `: ${key}` : ''}`;

describe('every order of events', function () {
  this.timeout(0);
  for (const row of ROWS)
    for (const key of row.keys)
      it(titled(row, key), () => {
        let states = 0;
        for (const shape of shapes(row.count).filter((each) => each.flat().length >= row.edges))
          for (const goal of row.goals) {
            const chain = drawn(
              shape,
              (from, to) => ((from + to) % 3 ? '' : '(soft)'),
              () => key,
            );
            try {
              states += explore(graphOf(...chain.split('; ')), goal, row.troubles, row.turns);
            } catch (error) {
              throw new Error(`${goal}: ${chain}\n${error instanceof Error ? error.message : error}`);
            }
          }
        assert.ok(states > 1_000, `${states} states`);
      });
});
