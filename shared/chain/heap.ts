/** Items of which the least is at hand: a binary heap. */
export interface Heap<Item> {
  readonly size: number;
  push(item: Item): void;
  /** Look at the least. */
  least(): Item | undefined;
  /** Take the least away. */
  pop(): Item | undefined;
}

/** @param before whether the one is to be taken before the other */
export function heapOf<Item>(before: (a: Item, b: Item) => boolean): Heap<Item> {
  const items: Item[] = [];
  const at = (place: number): Item => items[place] as Item;
  const swap = (a: number, b: number): void => {
    const item = at(a);
    items[a] = at(b);
    items[b] = item;
  };
  const sink = (): void => {
    for (let place = 0, child = 1; child < items.length; child = 2 * place + 1) {
      if (child + 1 < items.length && before(at(child + 1), at(child))) child++;
      if (!before(at(child), at(place))) return;
      swap(place, child);
      place = child;
    }
  };
  return {
    get size() {
      return items.length;
    },
    least: () => items[0],
    push(item) {
      items.push(item);
      for (let place = items.length - 1; place > 0; ) {
        const parent = (place - 1) >> 1;
        if (!before(at(place), at(parent))) return;
        swap(place, parent);
        place = parent;
      }
    },
    pop() {
      const least = items[0];
      const last = items.pop();
      if (items.length > 0) {
        items[0] = last as Item;
        sink();
      }
      return least;
    },
  };
}
