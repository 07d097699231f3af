/** Lists of numbers, one behind the other: the list of `at` begins at `from[at]` and ends at `from[at + 1]`. */
export interface Lists {
  from: Int32Array;
  all: Int32Array;
}

export function flat<Item>(lists: readonly (readonly Item[])[], numberOf: (item: Item) => number): Lists {
  const from = new Int32Array(lists.length + 1);
  lists.forEach((list, at) => {
    from[at + 1] = (from[at] ?? 0) + list.length;
  });
  const all = new Int32Array(from[lists.length] ?? 0);
  let next = 0;
  for (const list of lists) for (const item of list) all[next++] = numberOf(item);
  return { from, all };
}

/** The same edges from their other ends. */
function reversed({ from, all }: Lists): Lists {
  const count = from.length - 1;
  const back = { from: new Int32Array(count + 1), all: new Int32Array(all.length) };
  for (const each of all) back.from[each + 1] = (back.from[each + 1] ?? 0) + 1;
  for (let at = 0; at < count; at++) back.from[at + 1] = (back.from[at + 1] ?? 0) + (back.from[at] ?? 0);
  const next = back.from.slice();
  for (let at = 0; at < count; at++)
    for (let place = from[at] ?? 0; place < (from[at + 1] ?? 0); place++) {
      const each = all[place] ?? 0;
      back.all[next[each] ?? 0] = at;
      next[each] = (next[each] ?? 0) + 1;
    }
  return back;
}

/** An order in which each stands behind what it waits for (Kahn), as numbers of the lists that were given. */
export function orderOf(waits: Lists): number[] {
  const before = reversed(waits);
  const missing = new Int32Array(waits.from.length - 1);
  const order: number[] = [];
  missing.forEach((_, number) => {
    missing[number] = (waits.from[number + 1] ?? 0) - (waits.from[number] ?? 0);
    if (missing[number] === 0) order.push(number);
  });
  for (let at = 0; at < order.length; at++) {
    const number = order[at] as number;
    for (let place = before.from[number] ?? 0; place < (before.from[number + 1] ?? 0); place++) {
      const next = before.all[place] ?? 0;
      const left = (missing[next] ?? 0) - 1;
      missing[next] = left;
      if (left === 0) order.push(next);
    }
  }
  return order;
}
