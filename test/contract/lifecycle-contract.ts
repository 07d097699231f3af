import assert from 'node:assert/strict';
import { it } from 'mocha';
import { failure, type Scene } from './scene.ts';

/** Guests are listed, read, started and stopped. */
export function lifecycleContract(stage: Scene): void {
  const call = () => ({ driver: stage.driver, signal: stage.signal() });

  it('says what it is', async () => {
    const { driver, signal } = call();
    assert.match(driver.kind, /^[a-z]+( and [a-z]+)*$/);
    assert.notEqual(driver.uri, '');
    const host = await driver.readHost(signal);
    assert.ok(host.cpus > 0 && host.memoryMiB > 0 && host.hypervisor !== '', JSON.stringify(host));
  });

  it('lists what it has defined, and reads it alike', async () => {
    const { driver, signal } = call();
    const { harness } = stage;
    const guests = [await stage.define({ memoryMiB: 64 }), await stage.define({ memoryMiB: 96 })];
    const listed = await driver.listGuests(signal);
    for (const guest of guests) {
      assert.deepEqual(
        listed.find((one) => one.id === guest.id),
        guest,
      );
      assert.deepEqual(await driver.readGuest(guest.id, signal), guest);
      assert.equal(guest.driver, harness.kind ?? driver.kind);
      assert.equal(guest.state, 'shutoff');
      assert.equal(guest.persistent, true);
      assert.equal(guest.autostart, false);
    }
  });

  it('starts a guest once, and refuses to start it again', async () => {
    const { driver, signal } = call();
    const guest = await stage.define();
    await driver.startGuest(guest.id, { paused: false }, signal);
    assert.equal(await stage.state(guest), 'running');
    await assert.rejects(driver.startGuest(guest.id, { paused: false }, signal), failure('guest-wrong-state'));
    assert.equal(await stage.state(guest), 'running');
  });

  it('starts a guest with its vCPUs stopped', async function () {
    const { driver, signal } = call();
    if (driver.resumeGuest === undefined || stage.harness.startsPaused === false) return this.skip();
    const guest = await stage.define();
    await driver.startGuest(guest.id, { paused: true }, signal);
    assert.equal(await stage.state(guest), 'paused');
    await driver.resumeGuest(guest.id, signal);
    assert.equal(await stage.state(guest), 'running');
  });

  it('suspends and resumes, and refuses both for a guest that is off', async function () {
    const { driver, signal } = call();
    if (driver.suspendGuest === undefined || driver.resumeGuest === undefined) return this.skip();
    const guest = await stage.running();
    await driver.suspendGuest(guest.id, signal);
    assert.equal(await stage.state(guest), 'paused');
    await driver.resumeGuest(guest.id, signal);
    assert.equal(await stage.state(guest), 'running');
    await driver.poweroffGuest(guest.id, signal);
    await assert.rejects(driver.suspendGuest(guest.id, signal), failure('guest-wrong-state'));
    await assert.rejects(driver.resumeGuest(guest.id, signal), failure('guest-wrong-state'));
  });

  it('forces a guest off, and refuses it for one that is off', async () => {
    const { driver, signal } = call();
    const guest = await stage.running();
    await driver.poweroffGuest(guest.id, signal);
    assert.equal(await stage.state(guest), 'shutoff');
    await assert.rejects(driver.poweroffGuest(guest.id, signal), failure('guest-wrong-state'));
  });

  it('asks a guest to shut down until it does', async function () {
    this.timeout(stage.harness.bootMsMax + 60_000);
    const { driver, signal } = call();
    const guest = await stage.running();
    const off = stage.comesTo(guest, 'shutoff');
    await asksUntil(off, stage.harness.bootMsMax, (again) => driver.shutdownGuest(guest.id, { again }, stage.signal()));
    await assert.rejects(driver.shutdownGuest(guest.id, { again: 1 }, signal), failure('guest-wrong-state'));
  });

  it('reboots a guest that runs, which goes on running, and refuses it for one that is off', async () => {
    const { driver, signal } = call();
    const guest = await stage.running();
    await driver.rebootGuest(guest.id, signal);
    assert.equal(await stage.state(guest), 'running');
    await driver.poweroffGuest(guest.id, signal);
    await assert.rejects(driver.rebootGuest(guest.id, signal), failure('guest-wrong-state'));
  });

  it('knows the figures of a guest, off and running', async () => {
    const { driver, signal } = call();
    const guest = await stage.define();
    assert.deepEqual(pick(await driver.readStats(guest.id, signal)), { name: guest.name, state: 'shutoff' });
    await driver.startGuest(guest.id, { paused: false }, signal);
    const stats = await driver.readStats(guest.id, signal);
    assert.deepEqual(pick(stats), { name: guest.name, state: 'running' });
    assert.ok((stats.cpuTimeS ?? 0) >= 0);
  });

  it('says guest-not-found of a guest that is not there, whatever is asked of it', async () => {
    const { driver, signal } = call();
    const gone = await stage.define();
    await driver.deleteGuest(gone.id, signal);
    const asks: Record<string, (() => Promise<unknown>) | undefined> = {
      readGuest: () => driver.readGuest(gone.id, signal),
      startGuest: () => driver.startGuest(gone.id, { paused: false }, signal),
      shutdownGuest: () => driver.shutdownGuest(gone.id, { again: 1 }, signal),
      poweroffGuest: () => driver.poweroffGuest(gone.id, signal),
      rebootGuest: () => driver.rebootGuest(gone.id, signal),
      suspendGuest: driver.suspendGuest && (async () => driver.suspendGuest?.(gone.id, signal)),
      resumeGuest: driver.resumeGuest && (async () => driver.resumeGuest?.(gone.id, signal)),
      deleteGuest: () => driver.deleteGuest(gone.id, signal),
      readDefinition: () => driver.readDefinition(gone.id, signal),
      setGuest: () => driver.setGuest(gone.id, { vcpus: 1 }, signal),
      setAutostart: () => driver.setAutostart(gone.id, true, signal),
      readStats: () => driver.readStats(gone.id, signal),
      readAddresses: driver.readAddresses && (async () => driver.readAddresses?.(gone.id, signal)),
      openConsole: driver.openConsole && (async () => driver.openConsole?.(gone.id, signal)),
    };
    for (const [name, ask] of Object.entries(asks)) {
      if (ask) await assert.rejects(ask(), failure('guest-not-found'), name);
    }
  });

  it('takes no id that could be anything else', async () => {
    const { driver, signal } = call();
    for (const id of ['', '--all', 'no such guest', '1; list', 'a\nb', "'", '../../etc/passwd']) {
      await assert.rejects(driver.readGuest(id, signal), failure('guest-not-found'), JSON.stringify(id));
    }
  });
}

const pick = ({ name, state }: { name: string; state: string }) => ({ name, state });

/** A guest that boots does not hear yet: ask again each second, which is what people do. */
async function asksUntil(done: Promise<void>, msMax: number, ask: (again: number) => Promise<void>): Promise<void> {
  let over = false;
  const ending = done.finally(() => {
    over = true;
  });
  const roundMs = Math.min(1_000, msMax / 4);
  for (let again = 1; !over; again++) {
    try {
      await ask(again);
    } catch (error) {
      if (!over) failure('guest-wrong-state')(error); // it went off between
      break;
    }
    await Promise.race([ending, new Promise((resolve) => setTimeout(resolve, roundMs))]);
  }
  await ending;
}
