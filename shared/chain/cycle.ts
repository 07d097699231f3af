interface Way {
  name: string;
  /** Which of what it waits for is looked at next. */
  next: number;
  /** The highest place on the way, at or below this one, that is in a cycle already found; -1 is none. */
  found: number;
}

/**
 * Ways round cycles, `a → b → a`, of which no two share a node: at least one for each knot of nodes that wait for each
 * other, and none where there is no cycle. It takes time in proportion to nodes and edges, and walks with a stack of its
 * own, since chains may be deep. Names that are not in `edges` lead nowhere.
 */
export function cyclesIn(edges: ReadonlyMap<string, readonly { name: string }[]>): string[][] {
  const cycles: string[][] = [];
  const left = new Set<string>();
  for (const root of edges.keys()) {
    const way: Way[] = left.has(root) ? [] : [{ name: root, next: 0, found: -1 }];
    const on = new Map([[root, 0]]);
    for (let top = way.at(-1); top !== undefined; top = way.at(-1)) {
      const next = edges.get(top.name)?.[top.next++]?.name;
      if (next === undefined) {
        way.pop();
        on.delete(top.name);
        left.add(top.name);
        continue;
      }
      const start = on.get(next);
      if (start === undefined && !left.has(next) && edges.has(next)) {
        on.set(next, way.length);
        way.push({ name: next, next: 0, found: top.found });
      } else if (start !== undefined && start > top.found) cycles.push(roundOf(way, start));
    }
  }
  return cycles;
}

/** The names from a place of the way to its end, and the first again. They count as found from now on. */
function roundOf(way: readonly Way[], start: number): string[] {
  const names: string[] = [];
  for (let at = start; at < way.length; at++) {
    const step = way[at] as Way;
    step.found = at;
    names.push(step.name);
  }
  return [...names, names[0] as string];
}
