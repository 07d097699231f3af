import assert from 'node:assert/strict';
import xml from '@xmpp/xml';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { DEAF, defineDeaf, type Effect, GUEST, HOST, remove, type Scene } from './effects/effect.ts';
import { guestEffects } from './effects/guest.ts';
import { guestPowerEffects } from './effects/guest-power.ts';
import { makingEffects } from './effects/making.ts';
import { migrationEffects } from './effects/migration.ts';
import { networkEffects } from './effects/network.ts';
import { nicEffects } from './effects/nic.ts';
import { otherEffects } from './effects/others.ts';
import { volumeEffects } from './effects/volume.ts';
import { type Person, rigPerson } from './support/person.ts';
import { type TestRig, testRig } from './support/rig.ts';
import { type Surface, surfacesOf } from './support/surfaces.ts';

const EFFECTS: Readonly<Record<string, Effect>> = {
  ...guestEffects,
  ...guestPowerEffects,
  ...makingEffects,
  ...migrationEffects,
  ...nicEffects,
  ...networkEffects,
  ...volumeEffects,
  ...otherEffects,
};

describe('every verb, on a real guest', function () {
  this.timeout(120_000);
  let rig: TestRig;
  let admin: Person;
  let surfaces: readonly Surface[];
  const virsh = (...args: string[]): Promise<string> => rig.virsh(HOST, args);

  before(async () => {
    rig = await testRig();
    admin = await rigPerson(rig, 'admin');
    await admin.send(xml('presence'));
    surfaces = surfacesOf(rig, HOST, () => admin);
    await rig.ensureOff(HOST, GUEST);
    await defineDeaf({ rig, virsh, person: admin }, DEAF);
  });
  after(async () => {
    await admin?.entity.stop();
    await remove({ rig, virsh }, DEAF);
    await rig.ensureOff(HOST, GUEST);
  });

  it('has a test of its effect', () => {
    assert.deepEqual(Object.keys(EFFECTS).toSorted(), Object.keys(agentVerbs).toSorted());
  });

  for (const [verb, effect] of Object.entries(EFFECTS)) {
    for (const name of ['form', 'chat', 'cli'] as const) {
      it(`${verb}, by ${name}`, async () => {
        const surface = surfaces.find((each) => each.name === name);
        assert.ok(surface);
        const scene: Scene = { rig, person: admin, surface: name, ask: surface.ask, virsh };
        await effect(scene);
      });
    }
  }
});
