import assert from 'node:assert/strict';
import { it } from 'mocha';
import { isActive } from '#shared/model/guest.ts';
import { failure, type Scene } from './scene.ts';

/** Guests can be taken back to how they were. */
export function snapshotContract(stage: Scene): void {
  const take = (id: string, name: string) => stage.driver.takeSnapshot!(id, name, stage.work());
  const revert = (id: string, name: string) => stage.driver.revertSnapshot!(id, name, stage.work());
  const forget = (id: string, name: string) => stage.driver.deleteSnapshot!(id, name, stage.work());
  const names = async (id: string) =>
    (await stage.driver.listSnapshots!(id, stage.signal())).map((snapshot) => snapshot.name);

  it('has snapshots, all of it or nothing', () => {
    const { listSnapshots, takeSnapshot, revertSnapshot, deleteSnapshot } = stage.driver;
    for (const method of [listSnapshots, takeSnapshot, revertSnapshot, deleteSnapshot])
      assert.equal(method !== undefined, stage.harness.snapshots !== 'none');
  });

  it('keeps a guest that is off as it is, lists it, and takes the guest back to it', async function () {
    const { driver } = stage;
    if (!driver.takeSnapshot) return this.skip();
    this.timeout(300_000);
    const beganAt = Date.now();
    const guest = await stage.defineWhole();
    assert.deepEqual(await names(guest.id), []);
    await take(guest.id, 'First.1');
    await take(guest.id, 'second');
    const [first, ...others] = await driver.listSnapshots!(guest.id, stage.signal());
    assert.equal(first?.name, 'First.1');
    assert.deepEqual(
      others.map(({ name }) => name),
      ['second'],
    );
    assert.ok(!isActive(first?.state ?? 'shutoff'), 'it was off');
    if (first?.takenAt !== undefined)
      assert.ok(Math.abs(Date.parse(first.takenAt) - beganAt) < 300_000, `taken now: ${first.takenAt}`);
    await driver.startGuest(guest.id, { paused: false }, stage.signal());
    await driver.poweroffGuest(guest.id, stage.signal());
    await revert(guest.id, 'First.1');
    assert.equal(await stage.state(guest), 'shutoff');
    assert.deepEqual(await names(guest.id), ['First.1', 'second']);
    await forget(guest.id, 'First.1');
    assert.deepEqual(await names(guest.id), ['second']);
  });

  it('keeps a guest that runs with its memory, and takes it back to that; or says that it cannot', async function () {
    const { driver, harness } = stage;
    if (!driver.takeSnapshot) return this.skip();
    this.timeout(300_000);
    const guest = await stage.defineWhole();
    await driver.startGuest(guest.id, { paused: false }, stage.signal());
    if (harness.snapshots === 'off') {
      await assert.rejects(take(guest.id, 'live'), (error) => {
        return failure('snapshot-unfit')(error);
      });
      assert.deepEqual(await names(guest.id), []);
      return;
    }
    await take(guest.id, 'live');
    assert.equal(await stage.state(guest), 'running');
    await driver.poweroffGuest(guest.id, stage.signal());
    await revert(guest.id, 'live');
    await stage.comesTo(guest, 'running');
  });

  it('says what is not there, and what is there already', async function () {
    if (!stage.driver.takeSnapshot) return this.skip();
    const guest = await stage.defineWhole();
    await take(guest.id, 'one');
    await assert.rejects(take(guest.id, 'one'), failure('snapshot-exists'));
    await assert.rejects(revert(guest.id, 'two'), failure('snapshot-not-found'));
    await assert.rejects(forget(guest.id, 'two'), failure('snapshot-not-found'));
    const nobody = '00000000-0000-4000-8000-000000000000';
    await assert.rejects(take(nobody, 'one'), failure('guest-not-found'));
    await assert.rejects(stage.driver.listSnapshots!(nobody, stage.signal()), failure('guest-not-found'));
  });

  it('deletes a guest with its snapshots', async function () {
    const { driver } = stage;
    if (!driver.takeSnapshot) return this.skip();
    const guest = await stage.defineWhole();
    await take(guest.id, 'one');
    await driver.deleteGuest(guest.id, stage.signal());
    await assert.rejects(driver.readGuest(guest.id, stage.signal()), failure('guest-not-found'));
  });
}
