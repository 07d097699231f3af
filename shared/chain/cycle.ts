/** A way round a cycle, `a → b → a`, where there is one. It walks with a stack of its own, since chains may be deep. */
export function cycleIn(edges: ReadonlyMap<string, readonly { name: string }[]>): string[] | undefined {
  const left = new Set<string>();
  for (const root of edges.keys()) {
    if (left.has(root)) continue;
    const path: { name: string; next: number }[] = [{ name: root, next: 0 }];
    const on = new Map([[root, 0]]);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = edges.get(top.name)?.[top.next++]?.name;
      if (next === undefined) {
        path.pop();
        on.delete(top.name);
        left.add(top.name);
        continue;
      }
      const start = on.get(next);
      if (start !== undefined) return [...path.slice(start).map(({ name }) => name), next];
      if (left.has(next)) continue;
      on.set(next, path.length);
      path.push({ name: next, next: 0 });
    }
  }
  return undefined;
}
