import assert from 'node:assert/strict';
import { it } from 'mocha';
import { GuestRecipe } from '#shared/model/guest.ts';
import { failure, type Scene } from './scene.ts';

/** Guests are made of images and of other guests, all of it or nothing. */
export function makingContract(stage: Scene): void {
  const named = async (name: string) =>
    (await stage.driver.listGuests(stage.signal())).filter((guest) => guest.name === name);
  const recipe = (image: string, more: object = {}): GuestRecipe =>
    GuestRecipe.parse({ name: stage.freshName('made'), image, nics: [], ...more });

  it('makes guests of images where it has a folder of them, and else leaves it out', () => {
    assert.equal(stage.driver.createGuest !== undefined, stage.harness.images !== undefined);
  });

  it('makes a guest of each kind of image, which is off and can be started', async function () {
    const { driver, harness } = stage;
    if (!driver.createGuest || !harness.images) return this.skip();
    this.timeout(300_000);
    for (const { name: image, options = {} } of harness.images) {
      const wanted = recipe(image, { vcpus: 1, memoryMiB: 128, title: 'made of an image', options });
      const guest = stage.adopt(await driver.createGuest(wanted, stage.work()));
      assert.deepEqual(
        { name: guest.name, state: guest.state, title: guest.title, memoryMiB: guest.memoryMiB },
        { name: wanted.name, state: 'shutoff', title: 'made of an image', memoryMiB: 128 },
        image,
      );
      assert.deepEqual(await named(wanted.name), [guest], image);
      await driver.startGuest(guest.id, { paused: false }, stage.signal());
      await stage.comesTo(guest, 'running');
    }
  });

  it('makes two guests of one image, which are two', async function () {
    const { driver, harness } = stage;
    const [image] = harness.images ?? [];
    if (!driver.createGuest || !image) return this.skip();
    const make = async () =>
      stage.adopt(await driver.createGuest!(recipe(image.name, { options: image.options ?? {} }), stage.work()));
    const [one, other] = [await make(), await make()];
    assert.notEqual(one.id, other.id);
    await driver.deleteGuest(one.id, stage.signal());
    assert.equal((await driver.readGuest(other.id, stage.signal())).state, 'shutoff');
  });

  it('refuses a name that is taken, an image that is not there, and a path', async function () {
    const { driver, harness } = stage;
    const [image] = harness.images ?? [];
    if (!driver.createGuest || !image) return this.skip();
    const guest = await stage.define();
    const create = (wanted: object) =>
      driver.createGuest!({ ...recipe(image.name, { options: image.options ?? {} }), ...wanted }, stage.work());
    await assert.rejects(create({ name: guest.name }), failure('guest-exists'));
    await assert.rejects(create({ image: 'no-such-image' }), failure('image-not-found'));
    for (const path of ['../etc', '/etc/passwd', '..', '.', 'a/b', ''])
      await assert.rejects(create({ image: path }), failure('bad-argument'), path);
    await assert.rejects(create({ options: { 'no-such-option': 'x' } }), failure('guest-definition'));
    for (const unfit of harness.imagesUnfit ?? [])
      await assert.rejects(create({ image: unfit }), failure('image-unfit'), unfit);
  });

  it('leaves nothing of a guest whose making was called off', async function () {
    const { driver, harness } = stage;
    const [image] = harness.images ?? [];
    if (!driver.createGuest || !image) return this.skip();
    const wanted = recipe(image.name, { options: image.options ?? {} });
    const called = AbortSignal.abort(new Error('called off'));
    await assert.rejects(driver.createGuest(wanted, stage.work(called)), /called off/);
    assert.deepEqual(await named(wanted.name), []);
    stage.adopt(await driver.createGuest(wanted, stage.work()));
    assert.equal((await named(wanted.name)).length, 1);
  });

  it('clones where it can, and else leaves it out', () => {
    assert.equal(stage.driver.cloneGuest !== undefined, stage.harness.clones !== 'none');
  });

  for (const linked of [false, true])
    it(`makes a guest like another${linked ? ', linked' : ''}, which goes its own way`, async function () {
      const { driver, harness } = stage;
      if (!driver.cloneGuest || (linked && harness.clones !== 'linked')) return this.skip();
      this.timeout(300_000);
      const origin = await stage.defineWhole({ title: 'the first', vcpus: 1 });
      const nic = { mac: '52:54:00:00:00:77', bridge: 'sk-a', link: 'other0', mtu: 1500 };
      if (harness.bridges) await driver.attachNic(origin.id, nic, stage.signal());
      await driver.setAutostart(origin.id, true, stage.signal());
      const name = stage.freshName('clone');
      const clone = stage.adopt(await driver.cloneGuest(origin.id, { name, linked }, stage.work()));
      assert.notEqual(clone.id, origin.id);
      assert.equal(clone.name, name);
      assert.equal(clone.state, 'shutoff');
      assert.equal(clone.autostart, false);
      assert.equal(clone.memoryMiB, origin.memoryMiB);
      const macs = (await driver.listNics(clone.id, stage.signal())).map(({ mac }) => mac);
      assert.ok(!macs.includes(nic.mac), `a MAC of its own: ${macs}`);
      for (const guest of [clone, origin]) {
        await driver.startGuest(guest.id, { paused: false }, stage.signal());
        await stage.comesTo(guest, 'running');
        await driver.poweroffGuest(guest.id, stage.signal());
      }
      await driver.deleteGuest(origin.id, stage.signal());
      assert.equal((await driver.readGuest(clone.id, stage.signal())).state, 'shutoff');
      await driver.startGuest(clone.id, { paused: false }, stage.signal());
      await stage.comesTo(clone, 'running');
    });

  it('clones no guest that runs, none to a name that is taken, and none that is not there', async function () {
    const { driver } = stage;
    if (!driver.cloneGuest) return this.skip();
    const guest = await stage.defineWhole();
    const to = (name: string, id = guest.id) => driver.cloneGuest!(id, { name, linked: false }, stage.work());
    await assert.rejects(to(guest.name), failure('guest-exists'));
    await assert.rejects(to(stage.freshName(), '00000000-0000-4000-8000-000000000000'), failure('guest-not-found'));
    await driver.startGuest(guest.id, { paused: false }, stage.signal());
    await assert.rejects(to(stage.freshName()), failure('guest-wrong-state'));
  });

  it('says so where it cannot link a clone', async function () {
    const { driver, harness } = stage;
    if (!driver.cloneGuest || harness.clones === 'linked') return this.skip();
    const guest = await stage.defineWhole();
    const as = { name: stage.freshName(), linked: true };
    await assert.rejects(driver.cloneGuest(guest.id, as, stage.work()), failure('clone-unfit'));
    assert.deepEqual(await named(as.name), []);
  });
}
