import assert from 'node:assert/strict';
import type { Job } from '#shared/model/job.ts';
import { until } from '../support/rig.ts';
import { boot, type Effect, GUEST, HOST, jobIn, reasonOf, run, stateOf } from './effect.ts';

/** Verbs that turn a guest on and off. */
export const guestPowerEffects = {
  'guest.start': async (scene) => {
    await scene.rig.ensureOff(HOST, GUEST);
    await scene.ask('guest.start', { guest: GUEST });
    assert.equal(await stateOf(scene, GUEST), 'running');
    await scene.rig.ensureOff(HOST, GUEST);
    await scene.ask('guest.start', { guest: GUEST, paused: true });
    assert.equal(await stateOf(scene, GUEST), 'paused');
    await scene.rig.ensureOff(HOST, GUEST);
  },
  'guest.shutdown': async (scene) => {
    await boot(scene);
    const job = jobIn(await scene.ask('guest.shutdown', { guest: GUEST, waitS: 60 }));
    await until('it is off', async () => (await stateOf(scene, GUEST)) === 'shut off');
    assert.equal(await reasonOf(scene, GUEST), 'shut off (shutdown)', 'it went by itself');
    await until('the job has ended', async () => ((await run(scene, 'job.info', { job })) as Job).state !== 'running');
    assert.equal(((await run(scene, 'job.info', { job })) as Job).state, 'done');
    if (scene.surface === 'chat') {
      const isEnd = (text: string): boolean => text.startsWith(`job ${job} · guest.shutdown ${GUEST} · done`);
      await scene.person.sees('the end of the job', (stanza) => isEnd(stanza.getChildText('body') ?? ''));
    }
  },
  'guest.poweroff': async (scene) => {
    await scene.rig.ensureRunning(HOST, GUEST);
    await scene.ask('guest.poweroff', { guest: GUEST });
    assert.equal(await reasonOf(scene, GUEST), 'shut off (destroyed)');
  },
  'guest.reboot': async (scene) => {
    await boot(scene);
    const process = await scene.virsh('domid', GUEST);
    const before = (await scene.rig.consoleLog(HOST, GUEST)).length;
    await scene.ask('guest.reboot', { guest: GUEST });
    await until('it is up again', async () =>
      (await scene.rig.consoleLog(HOST, GUEST)).slice(before).includes(`${GUEST} is up`),
    );
    assert.equal(await scene.virsh('domid', GUEST), process, 'it was not stopped and started');
  },
  'guest.suspend': async (scene) => {
    await boot(scene);
    await scene.ask('guest.suspend', { guest: GUEST });
    assert.equal(await reasonOf(scene, GUEST), 'paused (user)');
    await scene.virsh('resume', GUEST);
  },
  'guest.resume': async (scene) => {
    await boot(scene);
    await scene.virsh('suspend', GUEST);
    await scene.ask('guest.resume', { guest: GUEST });
    assert.equal(await reasonOf(scene, GUEST), 'running (unpaused)');
  },
} satisfies Record<string, Effect>;
