import assert from 'node:assert/strict';
import { oneLine, turns } from '#shared/turns.ts';

/** Work that ends when it is told to, and says when it began. */
function held(began: string[], name: string) {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const work = (): Promise<string> => {
    began.push(name);
    return promise;
  };
  return { work, resolve: () => resolve(name), reject: () => reject(new Error(`${name} fails`)) };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('turns', () => {
  it('come one after the other for one key, and side by side for others', async () => {
    const began: string[] = [];
    const inTurn = turns();
    const [first, second, other] = [held(began, 'first'), held(began, 'second'), held(began, 'other')];
    const ends = [inTurn('a', first.work), inTurn('a', second.work), inTurn('b', other.work)];
    await settled();
    assert.deepEqual(began, ['first', 'other']);
    for (const each of [first, second, other]) each.resolve();
    assert.deepEqual(await Promise.all(ends), ['first', 'second', 'other']);
    assert.deepEqual(began, ['first', 'other', 'second']);
  });

  it('come although the one before failed, and each hears of its own failure', async () => {
    const began: string[] = [];
    for (const inTurn of [oneLine(), (work: () => Promise<string>) => keyed('a', work)]) {
      const [first, second] = [held(began, 'first'), held(began, 'second')];
      const failing = assert.rejects(inTurn(first.work), /first fails/);
      const end = inTurn(second.work);
      first.reject();
      second.resolve();
      await failing;
      assert.equal(await end, 'second');
    }
  });

  it('of one line wait for all that came before', async () => {
    const began: string[] = [];
    const inTurn = oneLine();
    const [first, second] = [held(began, 'first'), held(began, 'second')];
    const ends = [inTurn(first.work), inTurn(second.work)];
    await settled();
    assert.deepEqual(began, ['first']);
    for (const each of [first, second]) each.resolve();
    await Promise.all(ends);
    assert.deepEqual(began, ['first', 'second']);
  });
});

const keyed = turns();
