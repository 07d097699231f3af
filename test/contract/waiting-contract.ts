import assert from 'node:assert/strict';
import { it } from 'mocha';
import type { Scene } from './scene.ts';

/** Every wait has an end, and closing leaves nothing behind. */
export function waitingContract(stage: Scene): void {
  it('does nothing for a signal that has fired already', async () => {
    const { driver } = stage;
    const guest = await stage.define();
    const fired = AbortSignal.abort(new Error('called off'));
    await assert.rejects(driver.listGuests(fired), /called off/);
    await assert.rejects(driver.readGuest(guest.id, fired), /called off/);
    await assert.rejects(driver.startGuest(guest.id, { paused: false }, fired), /called off/);
    assert.equal(await stage.state(guest), 'shutoff');
  });

  it('answers others while one call is called off', async () => {
    const { driver } = stage;
    const guest = await stage.define();
    const off = new AbortController();
    const doomed = driver.readGuest(guest.id, off.signal).then(
      () => 'answered',
      (error: Error) => error.message,
    );
    const others = Promise.all(Array.from({ length: 20 }, () => driver.readGuest(guest.id, stage.signal())));
    off.abort(new Error('called off'));
    assert.ok(['called off', 'answered'].includes(await doomed));
    for (const other of await others) assert.deepEqual(other, guest);
  });

  it('leaves nothing behind when it is closed', async () => {
    const { driver, harness } = stage;
    await driver.watch(
      () => {},
      (problem) => assert.fail(`a close is no break: ${problem}`),
      stage.signal(),
    );
    const text = harness.definition({ name: stage.freshName() });
    const guest = await driver.defineGuest(text, { replace: false }, stage.signal());
    await driver.readGuest(guest.id, stage.signal());
    await driver.deleteGuest(guest.id, stage.signal());
    await driver.close();
    assert.deepEqual(await harness.leftovers(), []);
    await driver.close();
  });
}
