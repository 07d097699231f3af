import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { zonesDriver } from '#agent/drivers/zones/driver.ts';
import type { Run } from '#agent/exec/run.ts';
import { type IllumosBench, illumosBench } from '#test/illumos/bench.ts';
import { illumosRun } from '#test/illumos/run.ts';

const silent = { debug: () => {}, info: () => {}, warn: () => {} };

describe('a zone that changes while it is looked at', () => {
  let bench: IllumosBench;
  beforeEach(async () => {
    bench = illumosBench();
    await bench.lines('zonecfg -z a "create -b; set zonepath=/export/zones/a"');
    await bench.lines('zoneadm -z a install');
    await bench.lines('zoneadm -z a boot');
  });
  afterEach(() => bench[Symbol.dispose]());

  const driverBy = (run: Run) =>
    zonesDriver({ ...{ run, log: silent, host: 'here' }, stateFolder: bench.host.path('/var/skerry') });

  it('has no figures where it has gone off since', async () => {
    const run = illumosRun(bench.host);
    const driver = driverBy(async (command, signal) => {
      if (command.file === 'kstat') await bench.lines('zoneadm -z a halt');
      return run(command, signal);
    });
    const signal = AbortSignal.timeout(5_000);
    const [guest] = await driver.listGuests(signal);
    assert.deepEqual(await driver.readStats(guest?.id ?? '', signal), { name: 'a', state: 'running' });
    await driver.close();
  });

  it('is listed without trouble, or not at all, whatever the listing met', async () => {
    const driver = driverBy(illumosRun(bench.host));
    const signal = AbortSignal.timeout(5_000);
    const states = async (what: 'stops' | 'boots' | 'unread') => {
      bench.host.change((state) => void state.races.push({ zone: 'a', what }));
      return (await driver.listGuests(signal)).map(({ state }) => state);
    };
    assert.deepEqual(await states('stops'), []);
    assert.deepEqual(await states('boots'), ['running']);
    assert.deepEqual(await states('unread'), []);
    await driver.close();
  });
});
