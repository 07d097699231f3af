import assert from 'node:assert/strict';
import { DEAF, type Effect, HOST, type Scene } from './effect.ts';

const MACS = { form: '52:54:00:63:01:01', chat: '52:54:00:63:01:02', cli: '52:54:00:63:01:03' };
const macOf = ({ surface }: Scene): string => MACS[surface];
const linkOf = (scene: Scene): string => `sk${macOf(scene).replaceAll(':', '')}`;
const attached = async (scene: Scene): Promise<string> => {
  await scene.rig.ensureOff(HOST, DEAF);
  const where = { bridge: 'sk-lan', link: linkOf(scene), mtu: 1450 };
  return scene.ask('nic.attach', { guest: DEAF, network: 'lan', mac: macOf(scene), ...where });
};
const detached = async (scene: Scene): Promise<string> => scene.ask('nic.detach', { guest: DEAF, mac: macOf(scene) });
const isDefined = async (scene: Scene): Promise<boolean> =>
  (await scene.virsh('dumpxml', '--inactive', DEAF)).includes(`<mac address='${macOf(scene)}'/>`);

/** Verbs of guests' interfaces. */
export const nicEffects = {
  'nic.list': async (scene) => {
    await attached(scene);
    const answer = await scene.ask('nic.list', { guest: DEAF });
    assert.match(answer, new RegExp(`${macOf(scene)}[^]*sk-lan`));
    await detached(scene);
    assert.doesNotMatch(await scene.ask('nic.list', { guest: DEAF }), new RegExp(macOf(scene)));
  },
  'nic.attach': async (scene) => {
    await attached(scene);
    const definition = await scene.virsh('dumpxml', '--inactive', DEAF);
    for (const part of [`<mac address='${macOf(scene)}'/>`, `<target dev='${linkOf(scene)}'/>`, "<mtu size='1450'/>"])
      assert.ok(definition.includes(part), `${part} in ${definition}`);
    await detached(scene);
  },
  'nic.detach': async (scene) => {
    await attached(scene);
    assert.equal(await isDefined(scene), true);
    await detached(scene);
    assert.equal(await isDefined(scene), false);
  },
} satisfies Record<string, Effect>;
