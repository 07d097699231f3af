import assert from 'node:assert/strict';
import fc from 'fast-check';
import { didYouMean, nearest } from '#shared/verb/suggest.ts';

const WORDS = ['start', 'shutdown', 'list', 'venti', 'fossil'];

describe('suggestions', () => {
  it('finds a word with a letter wrong, missing, added, or swapped with its neighbour', () => {
    for (const word of ['stsrt', 'strt', 'starrt', 'satrt', 'START'])
      assert.deepEqual(nearest(word, WORDS), ['start'], word);
  });

  it('finds a word by its beginning', () => assert.deepEqual(nearest('shut', WORDS), ['shutdown']));

  it('puts the nearest first, and of equals the first by name', () =>
    assert.deepEqual(nearest('web', ['wec', 'web2', 'web', 'wea']), ['web', 'wea', 'web2']));

  it('says nothing where nothing is near', () => {
    assert.equal(didYouMean('xyzzy', WORDS), '');
    assert.equal(didYouMean('vnti', WORDS), ' Did you mean venti?');
  });

  it('finds every word itself first', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1, maxLength: 20 }), { minLength: 1 }), (words) => {
        const [word = ''] = words;
        assert.equal(nearest(word, words)[0]?.toLowerCase(), word.toLowerCase());
      }),
    );
  });

  it('takes no longer for a word beyond measure', () => {
    assert.deepEqual(nearest('x'.repeat(1_000_000), WORDS), []);
  });
});
