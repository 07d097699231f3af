import assert from 'node:assert/strict';
import { it } from 'mocha';
import { Failure } from '#shared/errors.ts';
import { failure, type Scene } from './scene.ts';

/** The agent inside a guest is asked for a sign of life, where the hypervisor has a way to it. */
export function guestAgentContract(stage: Scene): void {
  it('has a way to the guest agent where its guests have one, and else leaves it out', () => {
    assert.equal(stage.driver.pingGuestAgent !== undefined, stage.harness.hasGuestAgent);
  });

  it('hears the guest agent once the guest has come up, and says until then that it is silent', async function () {
    const { driver, harness } = stage;
    if (!driver.pingGuestAgent) return this.skip();
    this.timeout(harness.bootMsMax + 60_000);
    const guest = await stage.running();
    await assert.rejects(driver.pingGuestAgent(guest.id, stage.signal()), failure('guest-agent-silent'));
    await stage.hasBooted(guest.id);
    await driver.suspendGuest?.(guest.id, stage.signal());
    await assert.rejects(driver.pingGuestAgent(guest.id, stage.signal()), (error) => error instanceof Failure);
  });

  it('asks no guest that is off, or that is not there', async function () {
    const { driver } = stage;
    if (!driver.pingGuestAgent) return this.skip();
    const guest = await stage.define();
    await assert.rejects(driver.pingGuestAgent(guest.id, stage.signal()), failure('guest-wrong-state'));
    const nobody = '00000000-0000-4000-8000-000000000000';
    await assert.rejects(driver.pingGuestAgent(nobody, stage.signal()), failure('guest-not-found'));
    await assert.rejects(driver.pingGuestAgent('x; destroy', stage.signal()), failure('guest-not-found'));
  });
}
