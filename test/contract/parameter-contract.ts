import assert from 'node:assert/strict';
import { it } from 'mocha';
import type { DriverGuest } from '#agent/drivers/driver.ts';
import type { BootParameter } from '#shared/model/boot-parameter.ts';
import { readerOf } from './console-reader.ts';
import { failure, type Scene } from './scene.ts';

const FIRST: readonly BootParameter[] = [
  { name: 'altaddr', value: '10.99.0.12' },
  { name: 'after.fact', value: '/x/altnet' },
];
const SECOND: readonly BootParameter[] = [
  { name: 'altaddr', value: 'two words, 50% ☃' },
  { name: 'odd', value: `it's<so>&,file=/etc/passwd` },
  { name: 'plain', value: 'x=y#$(z)' },
];

/** Guests are told things at their start, and forget them at the next. */
export function parameterContract(stage: Scene): void {
  const start = (guest: DriverGuest, params?: readonly BootParameter[]): Promise<void> =>
    stage.driver.startGuest(guest.id, { paused: false, ...(params ? { params } : {}) }, stage.signal());
  const refuses = () => SECOND.filter(({ value }) => stage.harness.notInParameters?.test(value));
  const takes = () => SECOND.filter((param) => !refuses().includes(param));
  const off = (guest: DriverGuest): Promise<void> => stage.driver.poweroffGuest(guest.id, stage.signal());
  const read = (guest: DriverGuest): Promise<BootParameter[]> => stage.driver.readParams(guest.id, stage.signal());
  /** By lines: a hypervisor may put what it made itself in another place. */
  const definition = async (guest: DriverGuest): Promise<string[]> =>
    (await stage.driver.readDefinition(guest.id, stage.signal())).split('\n').sort();

  it('gives a guest the boot parameters of each start, and no others', async function () {
    if (!stage.harness.takesParameters) return this.skip();
    const guest = await stage.define();
    const before = await definition(guest);
    for (const params of [FIRST, takes(), takes(), undefined, FIRST]) {
      await start(guest, params);
      assert.deepEqual(await read(guest), params ?? []);
      await off(guest);
      assert.deepEqual(await read(guest), [], 'what is off was told nothing');
    }
    await start(guest);
    await off(guest);
    assert.deepEqual(await definition(guest), before, 'nothing is left in the definition');
  });

  it('does not start a guest with what cannot be handed over as it is', async function () {
    if (!stage.harness.takesParameters || refuses().length === 0) return this.skip();
    const guest = await stage.define();
    const before = await definition(guest);
    await assert.rejects(start(guest, refuses()), failure('guest-params'));
    assert.equal(await stage.state(guest), 'shutoff');
    assert.deepEqual(await definition(guest), before);
  });

  it('leaves alone what runs, where it is asked to start that', async function () {
    if (!stage.harness.takesParameters) return this.skip();
    const guest = await stage.define();
    await start(guest, FIRST);
    const before = await definition(guest);
    await assert.rejects(start(guest, SECOND), failure('guest-wrong-state'));
    assert.deepEqual(await read(guest), FIRST);
    assert.deepEqual(await definition(guest), before);
  });

  it('does not start a guest that cannot be told, and starts it with nothing to tell', async function () {
    if (stage.harness.takesParameters) return this.skip();
    const guest = await stage.define();
    await assert.rejects(start(guest, FIRST), failure('guest-params'));
    assert.equal(await stage.state(guest), 'shutoff');
    await start(guest);
    assert.deepEqual(await read(guest), []);
  });

  it('shows them to the guest itself', async function () {
    const { driver, harness } = stage;
    const { console: serial, parametersInside: inside } = harness;
    if (!serial || !inside || !driver.openConsole) return this.skip();
    this.timeout(2 * harness.bootMsMax + 60_000);
    const guest = await stage.define();
    for (const params of [FIRST, takes()]) {
      await start(guest, params);
      const port = await driver.openConsole(guest.id, stage.signal());
      const reader = readerOf(port);
      const limit = AbortSignal.timeout(harness.bootMsMax + 30_000);
      await reader.comesUp(serial, limit);
      await port.write(Buffer.from(inside.type));
      const shown = await reader.shows(inside.end, limit);
      assert.deepEqual(inside.read(shown), params);
      await port.close();
      await off(guest);
    }
  });
}
