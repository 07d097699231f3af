import assert from 'node:assert/strict';
import type { Job } from '#shared/model/job.ts';
import { until } from '../support/rig.ts';
import { boot, type Effect, GUEST, HOST, jobIn, reasonOf, run, stateOf } from './effect.ts';

/** libvirt may put its own lines in another order. */
const linesOf = (definition: string): string[] => definition.split('\n').toSorted();

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
  'guest.params': async (scene) => {
    await scene.rig.ensureOff(HOST, GUEST);
    const before = await scene.virsh('dumpxml', '--inactive', GUEST);
    await scene.ask('guest.start', { guest: GUEST, params: `tier=${scene.surface}/x` });
    const live = await scene.virsh('dumpxml', GUEST);
    assert.match(live, new RegExp(`<cmdline>.* tier=${scene.surface}/x</cmdline>`));
    assert.match(live, new RegExp(`<entry name='opt/org.skerry/tier'>${scene.surface}/x</entry>`));
    assert.ok((await scene.ask('guest.params', { guest: GUEST })).includes(`${scene.surface}/x`));
    await scene.rig.ensureOff(HOST, GUEST);
    assert.doesNotMatch(await scene.ask('guest.params', { guest: GUEST }), /\/x/);
    await scene.ask('guest.start', { guest: GUEST });
    await scene.rig.ensureOff(HOST, GUEST);
    assert.deepEqual(linesOf(await scene.virsh('dumpxml', '--inactive', GUEST)), linesOf(before));
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
    // What is forced off need not have booted.
    if ((await stateOf(scene, GUEST)) === 'shut off') await scene.virsh('start', GUEST);
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
