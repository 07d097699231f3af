import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { changeLines } from '#agent/drivers/zones/config-change.ts';
import { configsBy } from '#agent/drivers/zones/configs.ts';
import { resource, type ZoneConfig } from '#agent/drivers/zones/zone-config.ts';
import { type IllumosBench, illumosBench } from '#test/illumos/bench.ts';
import { illumosRun } from '#test/illumos/run.ts';

/** zonecfg shows the caps of swap and locked memory with that of memory, and keeps them as resource controls: zonecfg(8), capped-memory. */
describe('the cap of a zone’s memory', () => {
  let bench: IllumosBench;
  beforeEach(() => {
    bench = illumosBench();
  });
  afterEach(() => bench[Symbol.dispose]());

  const read = async (): Promise<ZoneConfig> => {
    const configs = configsBy({ run: illumosRun(bench.host), folder: bench.host.path('/etc/zones') });
    return (await configs.read('a', AbortSignal.timeout(5_000))).config;
  };
  const shown = async () => (await bench.lines('zonecfg -z a info capped-memory')).map((line) => line.trim());
  /** Have it have this cap, or none. */
  const cap = async (physical: string | undefined) => {
    const from = await read();
    const to = {
      ...from,
      resources: [
        ...from.resources.filter(({ kind }) => kind !== 'capped-memory'),
        ...(physical === undefined ? [] : [resource('capped-memory', { physical })]),
      ],
    };
    await bench.lines('zonecfg -z a -f -', changeLines(from, to).join('\n'));
  };
  const make = (caps: string) =>
    bench.lines(`zonecfg -z a "create -b; set zonepath=/z/a; ${caps === '' ? '' : `add capped-memory; ${caps}; end`}"`);

  it('is given, changed and taken away', async () => {
    await make('');
    await cap('512M');
    assert.deepEqual(await shown(), ['capped-memory:', 'physical: 512M']);
    await cap('256M');
    assert.deepEqual(await shown(), ['capped-memory:', 'physical: 256M']);
    await cap(undefined);
    assert.deepEqual(await shown(), []);
  });

  it('is as a definition says that has that of swap in it too', async () => {
    await make('set physical=512M; set swap=1G');
    const from = await read();
    const resources = [resource('capped-memory', { physical: '256M', swap: '2G' })];
    await bench.lines('zonecfg -z a -f -', changeLines(from, { ...from, resources }).join('\n'));
    assert.deepEqual(await shown(), ['capped-memory:', 'physical: 256M', '[swap: 2G]']);
  });

  it('changes, comes and goes beside that of swap', async () => {
    await make('set physical=512M; set swap=1G');
    await cap('256M');
    assert.deepEqual(await shown(), ['capped-memory:', 'physical: 256M', '[swap: 1G]']);
    await cap(undefined);
    assert.deepEqual(await shown(), ['capped-memory:', '[swap: 1G]']);
    await cap('128M');
    assert.deepEqual(await shown(), ['capped-memory:', 'physical: 128M', '[swap: 1G]']);
  });
});
