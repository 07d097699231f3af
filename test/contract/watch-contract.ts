import assert from 'node:assert/strict';
import { it } from 'mocha';
import type { DriverGuest, GuestEvent } from '#agent/drivers/driver.ts';
import { type Scene, witness } from './scene.ts';

/** Changes are told, whoever makes them. */
export function watchContract(stage: Scene): void {
  const of =
    (guest: DriverGuest, what: GuestEvent['what'], state?: GuestEvent['state']) =>
    (event: GuestEvent): boolean =>
      event.name === guest.name && event.what === what && (state === undefined || event.state === state);

  it('tells of what is done through it', async () => {
    const { driver } = stage;
    const watch = await witness(driver);
    try {
      const name = stage.harness.names === 'plain' ? stage.freshName() : `a 'b' "c": d`;
      const guest = await stage.define({ name });
      await watch.sees('defined', of(guest, 'defined'));
      await driver.startGuest(guest.id, { paused: false }, stage.signal());
      await watch.sees('started', of(guest, 'started', 'running'));
      if (driver.suspendGuest && driver.resumeGuest) {
        await driver.suspendGuest(guest.id, stage.signal());
        await watch.sees('suspended', of(guest, 'suspended', 'paused'));
        await driver.resumeGuest(guest.id, stage.signal());
        await watch.sees('resumed', of(guest, 'resumed', 'running'));
      }
      await driver.poweroffGuest(guest.id, stage.signal());
      await watch.sees('stopped', of(guest, 'stopped', 'shutoff'));
      await driver.deleteGuest(guest.id, stage.signal());
      await watch.sees('undefined', of(guest, 'undefined'));
      assert.deepEqual(watch.breaks, []);
    } finally {
      await watch.stop();
    }
  });

  it('tells of what is done behind its back', async () => {
    const watch = await witness(stage.driver);
    try {
      const guest = await stage.define();
      await stage.harness.behind.start(guest.id);
      await watch.sees('started', of(guest, 'started'));
      assert.equal(await stage.state(guest), 'running');
      await stage.harness.behind.poweroff(guest.id);
      await watch.sees('stopped', of(guest, 'stopped'));
      assert.equal(await stage.state(guest), 'shutoff');
      await stage.harness.behind.delete(guest.id);
      await watch.sees('undefined', of(guest, 'undefined'));
    } finally {
      await watch.stop();
    }
  });

  it('loses nothing that happens right after watch has answered', async function () {
    this.timeout(120_000);
    const { driver } = stage;
    const guest = driver.suspendGuest ? await stage.running() : await stage.define();
    for (let round = 0; round < 10; round++) {
      const watch = await witness(driver);
      try {
        // the quickest change that there is
        if (driver.suspendGuest && driver.resumeGuest) {
          await driver.suspendGuest(guest.id, stage.signal());
          await watch.sees(`suspended, round ${round}`, of(guest, 'suspended'));
          await driver.resumeGuest(guest.id, stage.signal());
        } else {
          await driver.startGuest(guest.id, { paused: false }, stage.signal());
          await watch.sees(`started, round ${round}`, of(guest, 'started'));
          await driver.poweroffGuest(guest.id, stage.signal());
        }
      } finally {
        await watch.stop();
      }
    }
  });

  it('is silent once stopped, and does not call that a break', async () => {
    const stopped = await witness(stage.driver);
    const other = await witness(stage.driver);
    try {
      await stopped.stop();
      const count = stopped.events.length;
      const guest = await stage.define();
      await other.sees('defined', of(guest, 'defined'));
      assert.equal(stopped.events.length, count);
      assert.deepEqual(stopped.breaks, []);
    } finally {
      await other.stop();
    }
  });

  it('says once that the stream broke, goes on answering, and can be watched again', async function () {
    const { restart } = stage.harness;
    if (restart === undefined) return this.skip();
    this.timeout(120_000);
    const guest = await stage.define();
    const watch = await witness(stage.driver);
    await restart();
    await watch.breaksOff();
    assert.deepEqual(await stage.driver.readGuest(guest.id, stage.signal()), guest);
    const anew = await witness(stage.driver);
    try {
      await stage.driver.startGuest(guest.id, { paused: false }, stage.signal());
      await anew.sees('started', of(guest, 'started'));
      assert.equal(watch.breaks.length, 1);
    } finally {
      await anew.stop();
      await watch.stop();
    }
  });
}
