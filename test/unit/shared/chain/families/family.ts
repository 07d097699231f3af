/** Cases made by a rule, a line each in a file: `QUESTION => ANSWER`. The engine has to give the answer, and so has the oracle. */
export interface Family {
  /** test/fixtures/chains/cases/NAME.txt */
  name: string;
  /** What the lines mean, and by which rule they were made; the head of the file. */
  about: readonly string[];
  questions: () => string[];
  /** By the engine. */
  play: (question: string) => string;
  /** By other means, that share nothing with the engine. */
  oracle: (question: string) => string;
}

/** `a; b <- a | up b` as its graph's lines and the words behind. */
export function parted(question: string): { lines: string[]; words: string[] } {
  const [graph = '', words = ''] = question.split(' | ');
  return { lines: graph.split('; '), words: words.trim().split(' ') };
}

/** Edges of a graph as names, read from its lines without the engine's compiler. */
export function edgesIn(lines: readonly string[]): Map<string, { name: string; isSoft: boolean }[]> {
  return new Map(
    lines.map((line) => {
      const [name = '', after = ''] = (line.split(' : ')[0] ?? '').split(' <- ');
      const edges = after.match(/\w+(\(\w+\))?/g) ?? [];
      return [name, edges.map((edge) => ({ name: edge.replace(/\(.*/, ''), isSoft: edge.includes('soft') }))];
    }),
  );
}

const NAMES = ['a', 'b', 'c', 'd'];

/**
 * Graphs of some nodes, one of each shape: of all ways to draw arrows from later nodes to earlier ones, the first of those
 * that are the same but for the names. Each as the edges of a node, by place.
 */
export function shapes(count: number): number[][][] {
  const pairs = NAMES.slice(0, count).flatMap((_, from) =>
    Array.from({ length: from }, (__, to) => [from, to] as const),
  );
  const seen = new Set<string>();
  const found: number[][][] = [];
  for (let bits = 0; bits < 2 ** pairs.length; bits++) {
    const drawn = pairs.filter((_, at) => bits & (1 << at));
    const key = orders(count)
      .map((order) =>
        drawn
          .map(([from, to]) => `${order[from]}${order[to]}`)
          .sort()
          .join(),
      )
      .sort()[0] as string;
    if (seen.has(key)) continue;
    seen.add(key);
    found.push(Array.from({ length: count }, (_, at) => drawn.filter(([from]) => from === at).map(([, to]) => to)));
  }
  return found;
}

function orders(count: number): number[][] {
  if (count === 0) return [[]];
  return orders(count - 1).flatMap((rest) =>
    Array.from({ length: count }, (_, at) => [...rest.slice(0, at), count - 1, ...rest.slice(at)]),
  );
}

/** A shape in the notation; words of an edge and of a node as asked for. */
export function drawn(
  shape: readonly (readonly number[])[],
  edge = (_from: number, _to: number) => '',
  keys = (_at: number) => '',
): string {
  const name = (at: number): string => NAMES[at] as string;
  return shape
    .map((after, at) => {
      const edges = after.map((to) => name(to) + edge(at, to)).join(' ');
      return name(at) + (edges ? ` <- ${edges}` : '') + (keys(at) ? ` : ${keys(at)}` : '');
    })
    .join('; ');
}
