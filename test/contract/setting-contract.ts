import assert from 'node:assert/strict';
import { it } from 'mocha';
import type { Scene } from './scene.ts';

/** Settings of guests are changed one by one. */
export function settingContract(stage: Scene): void {
  const call = () => ({ driver: stage.driver, signal: stage.signal() });

  it('changes a guest that is off, and it holds at once', async () => {
    const { driver, signal } = call();
    const guest = await stage.define({ vcpus: 1, memoryMiB: 128 });
    const changed = await driver.setGuest(guest.id, { vcpus: 2, memoryMiB: 192, title: `It's "so" & ☃` }, signal);
    assert.deepEqual(changed.map(({ setting, value }) => [setting, value]).sort(), [
      ['memoryMiB', '192'],
      ['title', `It's "so" & ☃`],
      ['vcpus', '2'],
    ]);
    const now = await driver.readGuest(guest.id, signal);
    assert.deepEqual(now, { ...guest, vcpus: 2, memoryMiB: 192, title: `It's "so" & ☃` });
  });

  it('takes a title away', async () => {
    const { driver, signal } = call();
    const guest = await stage.define({ title: 'To go' });
    await driver.setGuest(guest.id, { title: '' }, signal);
    assert.equal((await driver.readGuest(guest.id, signal)).title, undefined);
  });

  it('says of each change to a running guest when it holds, and keeps its word', async () => {
    const { driver, signal } = call();
    const guest = await stage.running({ vcpus: 1, memoryMiB: 128 });
    const changed = await driver.setGuest(guest.id, { vcpus: 2, memoryMiB: 256, title: 'Live' }, signal);
    const holds = new Map(changed.map((one) => [one.setting, one.holds]));
    assert.deepEqual([...holds.keys()].sort(), ['memoryMiB', 'title', 'vcpus']);
    const wanted = { vcpus: 2, memoryMiB: 256, title: 'Live' };
    const live = await driver.readGuest(guest.id, signal);
    for (const [setting, when] of holds) {
      const key = setting as keyof typeof wanted;
      if (when === 'now') assert.equal(live[key], wanted[key], setting);
      else assert.equal(live[key], guest[key], setting);
    }
    await driver.poweroffGuest(guest.id, signal);
    const off = await driver.readGuest(guest.id, signal);
    assert.deepEqual({ vcpus: off.vcpus, memoryMiB: off.memoryMiB, title: off.title }, wanted);
  });

  it('changes nothing where nothing is asked', async () => {
    const { driver, signal } = call();
    const guest = await stage.define();
    assert.deepEqual(await driver.setGuest(guest.id, {}, signal), []);
    assert.deepEqual(await driver.readGuest(guest.id, signal), guest);
  });

  it('sets and clears the start with the host', async () => {
    const { driver, signal } = call();
    const guest = await stage.define();
    for (const enabled of [true, true, false]) {
      await driver.setAutostart(guest.id, enabled, signal);
      assert.equal((await driver.readGuest(guest.id, signal)).autostart, enabled);
    }
  });
}
