import assert from 'node:assert/strict';
import fc from 'fast-check';
import { heapOf } from '#shared/chain/heap.ts';

describe('a heap', () => {
  it('gives the least of what is in it, whatever came and went before', () => {
    const step = fc.oneof(fc.integer({ min: -9, max: 9 }), fc.constant('pop' as const));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const heap = heapOf<number>((a, b) => a < b);
        let kept: number[] = [];
        for (const each of steps) {
          if (each === 'pop') {
            const [least, ...more] = kept;
            assert.equal(heap.least(), least);
            assert.equal(heap.pop(), least);
            kept = more;
          } else {
            heap.push(each);
            kept = [...kept, each].toSorted((a, b) => a - b);
          }
          assert.equal(heap.size, kept.length);
        }
      }),
    );
  });
});
