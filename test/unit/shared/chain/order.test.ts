import assert from 'node:assert/strict';
import fc from 'fast-check';
import { flat, orderOf } from '#shared/chain/order.ts';

const listsOf = (lists: readonly (readonly number[])[]) => flat(lists, (each) => each);

describe('an order', () => {
  it('has each behind what it waits for', () => {
    assert.deepEqual(orderOf(listsOf([[1, 2], [2], []])), [2, 1, 0]);
    assert.deepEqual(orderOf(listsOf([[], [], [0]])), [0, 1, 2]);
    assert.deepEqual(orderOf(listsOf([])), []);
  });

  it('leaves out what is on a cycle, or behind one', () => {
    assert.deepEqual(orderOf(listsOf([[1], [0], [0], []])), [3]);
  });

  it('has all of a graph that has no cycle, each behind what it waits for', () => {
    const graph = fc.array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(graph, (choices) => {
        const lists = choices.map((after, at) => (at === 0 ? [] : [...new Set(after.map((each) => each % at))]));
        const order = orderOf(listsOf(lists));
        assert.equal(new Set(order).size, lists.length);
        const places = new Map(order.map((number, at) => [number, at]));
        lists.forEach((after, number) => {
          for (const each of after) assert.ok((places.get(each) ?? 99) < (places.get(number) ?? -1));
        });
      }),
    );
  });
});
