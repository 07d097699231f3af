import assert from 'node:assert/strict';
import { keep } from '#provisioning/rig/keep.ts';

interface Fake {
  number: number;
  ended: Promise<void>;
  die: () => void;
}

function fakes() {
  const made: Fake[] = [];
  const start = async (): Promise<Fake> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    made.push({ number: made.length + 1, ended: promise, die: resolve });
    return made.at(-1) as Fake;
  };
  return { made, start };
}
const end = async (fake: Fake) => fake.die();

describe('keep', () => {
  it('starts again what ended, and says so', async () => {
    const { made, start } = fakes();
    const said: string[] = [];
    const kept = keep({ name: 'thing', start, end, say: (line) => said.push(line) });
    (await kept.now()).die();
    await made[0]?.ended;
    while (made.length < 2) await new Promise((resolve) => setImmediate(resolve));
    assert.equal((await kept.now()).number, 2);
    assert.deepEqual(said, ['thing ended and is started again']);
    await kept.stop();
    assert.equal(made.length, 2);
  });

  it('gives up when the first start fails', async () => {
    const start = () => Promise.reject(new Error('no such thing'));
    const kept = keep<Fake>({ name: 'thing', start, end, say: assert.fail });
    await assert.rejects(kept.now(), /no such thing/);
    await kept.stop();
  });

  it('tries again when a later start fails', async () => {
    const { made, start } = fakes();
    const said: string[] = [];
    let failures = 2;
    const kept = keep({
      name: 'thing',
      start: async () => {
        if (made.length === 1 && failures-- > 0) throw new Error('not now');
        return start();
      },
      end,
      say: (line) => said.push(line),
    });
    (await kept.now()).die();
    while (made.length < 2) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(said.filter((line) => line === 'thing could not be started again: not now').length, 2);
    await kept.stop();
  });

  it('ends what was still being started when it was told to stop', async () => {
    const { made, start } = fakes();
    const gate = Promise.withResolvers<void>();
    const kept = keep({ name: 'thing', start: () => gate.promise.then(start), end, say: assert.fail });
    const stopped = kept.stop();
    gate.resolve();
    await stopped;
    await made[0]?.ended;
    assert.equal(kept.peek(), undefined);
  });
});
