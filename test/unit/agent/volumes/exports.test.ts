import assert from 'node:assert/strict';
import { volumeHandlers } from '#agent/verbs/volume.ts';
import type { VolumeDriver, VolumeFile } from '#agent/volumes/driver.ts';
import { keptExports } from '#agent/volumes/exports.ts';
import { Failure } from '#shared/errors.ts';
import type { Call } from '#shared/verb/request.ts';
import { code } from '#test/unit/agent/verbs/stage.ts';
import { manualClock } from '#test/unit/support/manual-clock.ts';

const call: Call = {
  ...{ verb: 'volume.export', surface: 'form', operation: 'op', signal: new AbortController().signal },
  requester: { bareJid: 'ann@skerry.test', fullJid: 'ann@skerry.test/1' },
  progress: () => {},
};
const WANTED = { writable: false, force: false };

/** Verbs of volumes, on a driver that serves whatever is there. */
async function stage() {
  const there = new Set(['a.raw', 'b.raw', 'c.raw']);
  let held: Promise<void> | undefined;
  const driver: VolumeDriver = {
    list: async () => [],
    read: async (name): Promise<VolumeFile> => {
      if (!there.has(name)) throw new Failure('volume-not-found', { volume: name, host: 'here' });
      return { name, format: 'raw', sizeBytes: 1_048_576, usedBytes: 0 };
    },
    serve: async () => held,
    end: async () => {},
    served: async () => [],
    problemOf: async () => undefined,
    clientsOf: async () => [],
  };
  const kept = new Map<string, string>();
  const exports = keptExports({
    driver,
    settings: { get: (key) => kept.get(key), set: (key, value) => void kept.set(key, value) },
    clock: manualClock(),
    log: { warn: () => {} },
    onBug: assert.fail,
  });
  await exports.start();
  const volumes = { driver, exports, addresses: ['10.0.0.1'], ports: { from: 10_809, to: 10_811 } };
  const handlers = volumeHandlers({ volumes, host: 'here' });
  return {
    ...{ there, exports },
    hold: (): (() => void) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      return resolve;
    },
    expose: (volume: string, port?: number) =>
      handlers['volume.export']({ volume, ...WANTED, ...(port ? { port } : {}) }, call),
    withdraw: (volume: string) => handlers['volume.unexport']({ volume, force: false }, call),
  };
}

describe('exports of volumes', () => {
  it('have a port each, also where they are asked for while another one comes up', async () => {
    const { hold, expose, exports } = await stage();
    const release = hold();
    const all = ['a.raw', 'b.raw', 'c.raw'].map((volume) => expose(volume));
    await new Promise((resolve) => setImmediate(resolve));
    release();
    const uris = (await Promise.all(all)).map(({ uri }) => uri);
    assert.deepEqual(
      uris,
      ['a', 'b', 'c'].map((name, at) => `nbd://10.0.0.1:${10_809 + at}/${name}.raw`),
    );
    await exports.stop();
  });

  it('are refused a port of another one, also of one that is not up, and keep their own', async () => {
    const { expose, exports } = await stage();
    await expose('a.raw', 10_810);
    await assert.rejects(expose('b.raw', 10_810), code('bad-argument', { field: 'port' }));
    assert.equal(exports.wanted('b.raw'), undefined);
    assert.equal((await expose('a.raw', 10_810)).uri, 'nbd://10.0.0.1:10810/a.raw');
    await exports.stop();
  });

  it('are ended also where the file is gone; what was never exported and is not there is not found', async () => {
    const { expose, withdraw, there, exports } = await stage();
    await expose('a.raw');
    there.delete('a.raw');
    const { state, problem } = await withdraw('a.raw');
    assert.deepEqual([state, exports.wanted('a.raw')], ['idle', undefined]);
    assert.match(problem ?? '', /no volume a\.raw/);
    await assert.rejects(withdraw('a.raw'), code('volume-not-found'));
    await exports.stop();
  });
});
