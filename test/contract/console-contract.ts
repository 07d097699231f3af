import assert from 'node:assert/strict';
import { it } from 'mocha';
import { readerOf } from './console-reader.ts';
import { failure, type Scene } from './scene.ts';

/** The serial console of a guest is read and typed into, where the driver offers consoles. */
export function consoleContract(stage: Scene): void {
  it('carries bytes both ways, and ends when the guest goes off', async function () {
    const { driver, harness } = stage;
    if (driver.openConsole === undefined || harness.console === undefined) return this.skip();
    this.timeout(harness.bootMsMax + 60_000);
    const guest = await stage.running();
    const port = await driver.openConsole(guest.id, stage.signal());
    const reader = readerOf(port);
    const limit = AbortSignal.timeout(harness.bootMsMax + 30_000);
    await reader.comesUp(harness.console, limit);
    await port.write(Buffer.from(harness.console.type));
    await reader.shows(harness.console.shows, limit);
    const history = await port.history?.(1_000_000);
    if (history) assert.ok(Buffer.from(history).includes(harness.console.up), 'the history has what was shown');
    await driver.poweroffGuest(guest.id, stage.signal());
    await reader.ends(limit);
    await port.close();
    if (!driver.readConsoleLog) return;
    const log = Buffer.from(await driver.readConsoleLog(guest.id, 1_000_000, stage.signal()));
    assert.ok(log.includes(harness.console.shows), 'the log is there also while the guest is off');
    assert.deepEqual(Buffer.from(await driver.readConsoleLog(guest.id, 100, stage.signal())), log.subarray(-100));
  });

  it('opens again after it was closed', async function () {
    const { driver, harness } = stage;
    if (driver.openConsole === undefined || harness.console === undefined) return this.skip();
    this.timeout(harness.bootMsMax + 60_000);
    const guest = await stage.running();
    const limit = AbortSignal.timeout(harness.bootMsMax + 30_000);
    const first = await driver.openConsole(guest.id, stage.signal());
    await readerOf(first).comesUp(harness.console, limit);
    await first.close();
    const second = await driver.openConsole(guest.id, stage.signal());
    const reader = readerOf(second);
    await second.write(Buffer.from(harness.console.type));
    await reader.shows(harness.console.shows, limit);
    await second.close();
    await second.close();
  });

  it('says console-closed of a guest that is off', async function () {
    const { driver } = stage;
    if (driver.openConsole === undefined) return this.skip();
    const guest = await stage.define();
    await assert.rejects(driver.openConsole(guest.id, stage.signal()), (error) => {
      const missing = stage.harness.console === undefined;
      return failure(missing ? 'console-missing' : 'console-closed')(error);
    });
  });
}
