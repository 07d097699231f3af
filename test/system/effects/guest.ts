import assert from 'node:assert/strict';
import { until } from '../support/rig.ts';
import { boot, DEAF, defineDeaf, type Effect, GUEST, namesOf, remove, stateOf } from './effect.ts';

const squashed = (text: string): string => text.replace(/\s+/g, ' ');

/** Verbs that say and change what a guest is. */
export const guestEffects = {
  'guest.list': async (scene) => {
    const answer = await scene.ask('guest.list', {});
    for (const name of await namesOf(scene)) assert.match(answer, new RegExp(`^(name: )?${name}\\b`, 'm'));
    await scene.rig.ensureOff('host1', GUEST);
    await until('the agent has heard that it is off', async () => {
      const off = await scene.ask('guest.list', { state: 'shutoff', match: 'oss' });
      assert.doesNotMatch(off, /venti/);
      return /fossil/.test(off);
    });
  },
  'guest.info': async (scene) => {
    await boot(scene);
    const answer = await scene.ask('guest.info', { guest: GUEST });
    assert.ok(answer.includes((await scene.virsh('domuuid', GUEST)).trim()), answer);
    assert.match(answer, /^state: running$/im);
  },
  'guest.define': async (scene) => {
    const name = `made-${scene.surface}`;
    await scene.ask('guest.define', { name, vcpus: 2, memoryMiB: 48, title: 'Made here' });
    try {
      const made = await scene.virsh('dumpxml', name);
      assert.match(made, /<memory unit='KiB'>49152<\/memory>/);
      assert.match(made, /<vcpu [^>]*>2<\/vcpu>/);
      assert.match(made, /<title>Made here<\/title>/);
      const definition = made.replace('Made here', 'Made anew').replace(/<vcpu ([^>]*)>2</, '<vcpu $1>3<');
      await scene.ask('guest.define', { definition, replace: true });
      const anew = await scene.virsh('dumpxml', name);
      assert.match(anew, /<title>Made anew<\/title>/);
      assert.match(anew, /<vcpu [^>]*>3<\/vcpu>/);
      assert.equal(uuidIn(anew), uuidIn(made));
    } finally {
      await remove(scene, name);
    }
  },
  'guest.delete': async (scene) => {
    const name = `doomed-${scene.surface}`;
    await defineDeaf(scene, name);
    await scene.ask('guest.delete', { guest: name });
    assert.ok(!(await namesOf(scene)).includes(name));
  },
  'guest.set': async (scene) => {
    await scene.rig.ensureOff('host1', DEAF);
    const title = `Set by ${scene.surface}`;
    const memoryMiB = { form: 40, chat: 44, cli: 52 }[scene.surface];
    await scene.ask('guest.set', { guest: DEAF, vcpus: 2, memoryMiB, title });
    const definition = await scene.virsh('dumpxml', '--inactive', DEAF);
    assert.match(definition, new RegExp(`<memory unit='KiB'>${memoryMiB * 1024}</memory>`));
    assert.match(definition, /<vcpu [^>]*>2<\/vcpu>/);
    assert.ok(definition.includes(`<title>${title}</title>`), definition);
    await scene.virsh('start', DEAF);
    await scene.ask('guest.set', { guest: DEAF, title: `${title}, live`, vcpus: 1 });
    assert.equal((await scene.virsh('desc', '--live', '--title', DEAF)).trim(), `${title}, live`);
    assert.equal((await scene.virsh('vcpucount', '--config', '--current', DEAF)).trim(), '1');
  },
  'guest.autostart': async (scene) => {
    await scene.ask('guest.autostart', { guest: GUEST, enabled: true });
    assert.deepEqual(await namesOf(scene, '--autostart'), [GUEST]);
    await scene.ask('guest.autostart', { guest: GUEST, enabled: false });
    assert.deepEqual(await namesOf(scene, '--autostart'), []);
  },
  'guest.definition': async (scene) => {
    const answer = await scene.ask('guest.definition', { guest: GUEST });
    assert.ok(squashed(answer).includes(squashed(await scene.virsh('dumpxml', '--inactive', GUEST)).trim()), answer);
  },
  'guest.stats': async (scene) => {
    await boot(scene);
    // While its vCPUs stand still, its figures do.
    await scene.virsh('suspend', GUEST);
    const figures = await scene.virsh('domstats', '--balloon', '--cpu-total', GUEST);
    const figure = (key: string): number => Number(new RegExp(`${key}=(\\d+)`).exec(figures)?.[1]);
    const answer = await scene.ask('guest.stats', { guest: GUEST });
    assert.match(answer, new RegExp(`\\b${figure('balloon.current') / 1024}\\b`));
    assert.match(answer, /paused/);
    if (scene.surface !== 'chat') assert.match(answer, /^memoryActualMiB: /m);
    assert.equal(await stateOf(scene, GUEST), 'paused');
  },
} satisfies Record<string, Effect>;

const uuidIn = (definition: string): string => /<uuid>(.*)<\/uuid>/.exec(definition)?.[1] ?? '';
