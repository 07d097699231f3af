import assert from 'node:assert/strict';
import { it } from 'mocha';
import type { DriverNic } from '#agent/drivers/driver.ts';
import { NicWanted } from '#shared/model/nic.ts';
import { failure, type Scene } from './scene.ts';

const MAC = '52:54:00:63:00:0c';
const OTHER = '52:54:00:63:00:0d';
const wanted = (more: object = {}): NicWanted =>
  NicWanted.parse({ mac: MAC, bridge: 'sk-lan', link: 'sk52540063000c', mtu: 1450, ...more });
const other = wanted({ mac: OTHER, link: 'sk52540063000d' });
const withoutProblem = ({ problem: _, ...nic }: DriverNic): DriverNic => nic;

/** Interfaces of guests come, change and go one by one. */
export function nicContract(stage: Scene): void {
  const call = () => ({ driver: stage.driver, signal: stage.signal() });
  /** As a driver tells it. */
  const told = ({ mac, bridge, link, mtu }: NicWanted, holds: DriverNic['holds']): DriverNic => {
    const { nicModel: model = 'virtio' } = stage.harness;
    return { ...{ mac, kind: 'bridge', source: bridge, link, mtu, holds }, ...(model === null ? {} : { model }) };
  };

  it('gives a guest that is off an interface, and takes it away, and touches no other', async () => {
    const { driver, signal } = call();
    const { id } = await stage.define();
    assert.deepEqual(await driver.listNics(id, signal), []);
    assert.deepEqual(await driver.attachNic(id, other, signal), [told(other, 'now')]);
    assert.deepEqual(await driver.attachNic(id, wanted(), signal), [told(wanted(), 'now')]);
    assert.deepEqual(await driver.listNics(id, signal), [told(other, 'now'), told(wanted(), 'now')]);
    assert.deepEqual(await driver.detachNic(id, MAC, signal), []);
    assert.deepEqual(await driver.detachNic(id, MAC, signal), [], 'what is not there is no trouble');
    assert.deepEqual(await driver.listNics(id, signal), [told(other, 'now')]);
  });

  it('changes an interface of the same MAC in what differs, and nothing where nothing differs', async () => {
    const { driver, signal } = call();
    const { id } = await stage.define();
    await driver.attachNic(id, wanted(), signal);
    const before = await driver.readDefinition(id, signal);
    await driver.attachNic(id, wanted({ mac: MAC.toUpperCase() }), signal);
    assert.equal(await driver.readDefinition(id, signal), before);
    for (const more of [{ bridge: 'sk-dmz' }, { link: 'tap7' }, { mtu: 9000 }]) {
      assert.deepEqual(await driver.attachNic(id, wanted(more), signal), [told(wanted(more), 'now')]);
      assert.deepEqual(await driver.listNics(id, signal), [told(wanted(more), 'now')]);
    }
  });

  it('keeps all of many interfaces that are given at once', async () => {
    const { driver, signal } = call();
    const { id } = await stage.define();
    const many = Array.from({ length: 6 }, (_, n) =>
      wanted({ mac: `52:54:00:63:01:0${n}`, link: `sk52540063010${n}` }),
    );
    await Promise.all(many.map((nic) => driver.attachNic(id, nic, signal)));
    const macs = (await driver.listNics(id, signal)).map(({ mac }) => mac);
    assert.deepEqual(macs.sort(), many.map(({ mac }) => mac).sort());
  });

  it('says of a running guest what holds when, and keeps its word', async () => {
    const { driver, signal } = call();
    const { id } = await stage.running();
    const answer = await driver.attachNic(id, wanted(), signal);
    assert.deepEqual((await driver.listNics(id, signal)).map(withoutProblem), answer.map(withoutProblem));
    if (answer[0]?.holds !== 'now') assert.ok(answer[0]?.problem, 'why not now');
    await driver.poweroffGuest(id, signal);
    assert.deepEqual(await driver.listNics(id, signal), [told(wanted(), 'now')]);
  });

  it('gives and takes interfaces of a running guest', async function () {
    const { driver, signal } = call();
    const [first, second] = stage.harness.bridges ?? [];
    if (first === undefined || second === undefined) return this.skip();
    const { id } = await stage.define();
    await driver.attachNic(id, { ...other, bridge: first }, signal);
    await driver.startGuest(id, { paused: false }, signal);
    await stage.hasBooted(id);
    const nic = wanted({ bridge: first });
    assert.deepEqual(await driver.attachNic(id, nic, signal), [told(nic, 'now')]);
    const moved = wanted({ bridge: second });
    assert.deepEqual(await driver.attachNic(id, moved, signal), [told(moved, 'now')], 'another bridge');
    const roomy = wanted({ bridge: second, mtu: 1500 });
    const [live, later] = await driver.attachNic(id, roomy, signal);
    if (stage.harness.changesMtu) assert.deepEqual([live, later], [told(roomy, 'now'), undefined]);
    else {
      assert.deepEqual(live && withoutProblem(live), told(moved, 'until it stops'));
      assert.deepEqual(later && withoutProblem(later), told(roomy, 'from the next start'));
      assert.ok(later?.problem);
    }
    assert.deepEqual(await driver.detachNic(id, MAC, signal), []);
    assert.deepEqual(await driver.listNics(id, signal), [told({ ...other, bridge: first }, 'now')]);
  });

  it('does not know the interfaces of a guest that is not there', async () => {
    const { driver, signal } = call();
    const { id } = await stage.define();
    await driver.deleteGuest(id, signal);
    for (const ask of [
      driver.listNics(id, signal),
      driver.attachNic(id, other, signal),
      driver.detachNic(id, MAC, signal),
    ])
      await assert.rejects(ask, failure('guest-not-found'));
    await stage.define(); // the scene removes what it made
  });
}
