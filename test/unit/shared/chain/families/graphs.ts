import type { Action } from '#shared/chain/run.ts';
import { graphOf } from '#test/unit/support/chains/notation.ts';
import { type Player, player } from '#test/unit/support/chains/player.ts';
import { drawn, edgesIn, type Family, parted, shapes } from './family.ts';

const ALL = [1, 2, 3, 4].flatMap((count) => shapes(count));
const asked = (p: Player): string[] => p.step.actions.map(({ node }: Action) => node).sort();

/** All that is asked for works, all at once; who is asked for next is the next wave. */
function waves(p: Player, first: string): string {
  p.at(0, first);
  const found: string[] = [];
  for (let ms = 1; asked(p).length > 0; ms++) {
    const names = asked(p);
    found.push(names.join(' '));
    p.at(ms, `${names.join(' ')} works`);
  }
  return `${found.join(', ')}: ${p.run.outcome}`;
}

/** In which wave each node is: one after the last of those it waits for. */
function ranks(edges: ReadonlyMap<string, readonly { name: string }[]>): Map<string, number> {
  const rank = new Map<string, number>();
  const of = (name: string): number => {
    const known = rank.get(name) ?? 1 + Math.max(-1, ...(edges.get(name) ?? []).map((edge) => of(edge.name)));
    rank.set(name, known);
    return known;
  };
  for (const name of edges.keys()) of(name);
  return rank;
}

function reversed(edges: ReadonlyMap<string, readonly { name: string; isSoft: boolean }[]>): typeof edges {
  const back = new Map([...edges.keys()].map((name) => [name, [] as { name: string; isSoft: boolean }[]]));
  for (const [name, after] of edges) for (const edge of after) back.get(edge.name)?.push({ name, isSoft: edge.isSoft });
  return back;
}

const byRank = (rank: ReadonlyMap<string, number>): string =>
  [...Map.groupBy(rank.keys(), (name) => rank.get(name) ?? 0)]
    .toSorted(([a], [b]) => a - b)
    .map(([, names]) => names.toSorted().join(' '))
    .join(', ');

export const order: Family = {
  name: 'order',
  about: [
    'In which waves nodes are started and stopped, when all works at once.',
    'Rule: every shape of graph of one to four nodes; soft edges count as hard ones do; up, and down.',
  ],
  questions: () =>
    ALL.flatMap((shape) => [
      `${drawn(shape)} | up`,
      `${drawn(shape)} | down`,
      ...(shape.flat().length > 0 ? [`${drawn(shape, (from, to) => ((from + to) % 2 ? '(soft)' : ''))} | down`] : []),
    ]),
  play: (question) => {
    const { lines, words } = parted(question);
    const p = player(graphOf(...lines));
    return waves(p, `${[...edgesIn(lines).keys()].join(' ')} is ${words[0] === 'up' ? 'down' : 'up'}; ${words[0]}`);
  },
  oracle: (question) => {
    const { lines, words } = parted(question);
    const edges = edgesIn(lines);
    return `${byRank(ranks(words[0] === 'up' ? edges : reversed(edges)))}: done`;
  },
};

/** All that can be reached along edges. */
function reached(
  edges: ReadonlyMap<string, readonly { name: string; isSoft: boolean }[]>,
  from: string,
  isSoftToo: boolean,
) {
  const found = new Set([from]);
  for (const name of found)
    for (const edge of edges.get(name) ?? []) if (isSoftToo || !edge.isSoft) found.add(edge.name);
  return found;
}

export const parts: Family = {
  name: 'parts',
  about: [
    'What is taken along when a part is brought up or taken down, in waves.',
    'Rule: every shape of one to four nodes, each node as the part; an edge is soft where the places of its ends add up to an odd number.',
  ],
  questions: () =>
    ALL.flatMap((shape) =>
      shape.flatMap((_, at) =>
        ['up', 'down'].map(
          (goal) => `${drawn(shape, (from, to) => ((from + to) % 2 ? '(soft)' : ''))} | ${goal} ${'abcd'[at]}`,
        ),
      ),
    ),
  play: (question) => {
    const { lines, words } = parted(question);
    const p = player(graphOf(...lines));
    return waves(
      p,
      `${[...edgesIn(lines).keys()].join(' ')} is ${words[0] === 'up' ? 'down' : 'up'}; ${words.join(' ')}`,
    );
  },
  oracle: (question) => {
    const { lines, words } = parted(question);
    const [goal, part = ''] = words;
    const edges = goal === 'up' ? edgesIn(lines) : reversed(edgesIn(lines));
    const taken = reached(edges, part, goal === 'up');
    const kept = [...edges].filter(([name]) => taken.has(name));
    return `${byRank(ranks(new Map(kept.map(([name, after]) => [name, after.filter((edge) => taken.has(edge.name))]))))}: done`;
  },
};

export const failures: Family = {
  name: 'failures',
  about: [
    'What becomes of the rest when the start of one node fails, and everything else works at once.',
    'Rule: every shape of one to four nodes, each node failing, with each kind of on-failure.',
  ],
  questions: () =>
    ALL.flatMap((shape) =>
      shape.flatMap((_, bad) =>
        ['continue', 'halt', 'rollback'].map(
          (what) =>
            `${drawn(
              shape,
              () => '',
              (at) => (at === bad ? `on-failure ${what}` : ''),
            )} | ${'abcd'[bad]} ${what}`,
        ),
      ),
    ),
  play: (question) => {
    const { lines, words } = parted(question);
    const p = player(graphOf(...lines));
    p.at(0, `${[...edgesIn(lines).keys()].join(' ')} is down; up`);
    for (let ms = 1; asked(p).length > 0; ms++) {
      const isStart = p.step.actions.some(({ operation }) => operation.verb === 'start');
      p.at(
        ms,
        asked(p)
          .map((name) => (isStart && name === words[0] ? `${name} no` : `${name} works`))
          .join('; '),
      );
    }
    const ends = [...edgesIn(lines).keys()].map((name) => `${name} ${p.node(name).phase}`);
    return `${ends.join(', ')}: ${p.run.outcome}`;
  },
  oracle: (question) => {
    const { lines, words } = parted(question);
    const [bad = '', what] = words;
    const edges = edgesIn(lines);
    const rank = ranks(edges);
    const without = reached(reversed(edges), bad, true);
    const ends = [...edges.keys()].map((name) => {
      const isBegun = (rank.get(name) ?? 0) <= (rank.get(bad) ?? 0);
      if (what === 'rollback') return `${name} ${isBegun ? 'stopped' : 'left'}`;
      if (name === bad) return `${name} failed`;
      const isReached = what === 'halt' ? isBegun : !without.has(name);
      return `${name} ${isReached ? 'ready' : 'blocked'}`;
    });
    return `${ends.join(', ')}: ${what === 'rollback' ? 'rolled-back' : 'failed'}`;
  },
};
