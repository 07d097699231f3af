import assert from 'node:assert/strict';
import { legsOf } from '#central/chains/legs.ts';
import { Failure } from '#shared/errors.ts';
import { manualClock } from '../../support/manual-clock.ts';

describe('legs that runs look from', () => {
  const stage = () => {
    const clock = manualClock();
    const said: string[] = [];
    const scene = { failure: undefined as Failure | undefined, late: Promise.resolve() };
    const lookFrom = async (network: string, host: string): Promise<Disposable> => {
      await scene.late;
      if (scene.failure) throw scene.failure;
      said.push(`${network} ${host} held`);
      return { [Symbol.dispose]: () => void said.push(`${network} ${host} let go`) };
    };
    const legs = legsOf({ lookFrom, clock, changed: () => {}, onBug: assert.fail });
    return { scene, clock, said, legs };
  };
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const LAN = { network: 'lan', host: 'host1' };
  const WAN = { network: 'wan', host: 'host1' };

  it('are held once as long as they are wanted, and let go then', async () => {
    const { legs, said } = stage();
    legs.want([LAN, WAN]);
    await turn();
    legs.want([LAN, LAN]);
    await turn();
    assert.deepEqual(said, ['lan host1 held', 'wan host1 held', 'wan host1 let go']);
    legs.stop();
    assert.deepEqual(said.slice(3), ['lan host1 let go']);
  });

  it('are let go as they come, where they are not wanted any more', async () => {
    const { legs, said, scene } = stage();
    const { promise, resolve } = Promise.withResolvers<void>();
    scene.late = promise;
    legs.want([LAN]);
    legs.want([]);
    resolve();
    await turn();
    assert.deepEqual(said, ['lan host1 held', 'lan host1 let go']);
  });

  it('are asked for again until they are there, and why is said', async () => {
    const { legs, said, scene, clock } = stage();
    scene.failure = new Failure('network-not-found', { network: 'lan', hint: '' });
    legs.want([LAN]);
    await turn();
    assert.match(legs.problemOf(LAN) ?? '', /host1 cannot look from lan: There is no network lan/);
    scene.failure = undefined;
    clock.advance(10_000);
    await turn();
    assert.deepEqual([said, legs.problemOf(LAN)], [['lan host1 held'], undefined]);
    legs.stop();
    assert.equal(clock.waiting, 0);
  });
});
