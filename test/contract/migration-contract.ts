import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import { it } from 'mocha';
import type { DriverGuest } from '#agent/drivers/driver.ts';
import type { Landing, Migrating, Sending } from '#agent/drivers/migration.ts';
import { failure, type Scene } from './scene.ts';

const MOVE = '0a'.repeat(20);
const CAME = { move: MOVE, outcome: 'came' } as const;
const STAYED = { move: MOVE, outcome: 'stayed' } as const;

/** Guests that move to another hypervisor while they run, which is never at both. */
export function migrationContract(stage: Scene): void {
  const here = (): Migrating => stage.driver as unknown as Migrating;
  const there = () => stage.harness.other as NonNullable<typeof stage.harness.other> & Migrating;
  const canMove = (): boolean => stage.harness.other !== undefined;
  const awaited = async (guest: DriverGuest): Promise<Landing> => {
    const offer = await here().offerGuest(guest.id, stage.signal());
    return there().awaitGuest({ id: guest.id, name: guest.name, offer, move: MOVE }, stage.signal());
  };
  const way = ({ told, accept }: Landing): Sending => ({
    told,
    open: async (channel) => {
      const [near, far] = duplexPair();
      accept(channel, far);
      return near;
    },
  });
  const namesThere = async () => (await there().listGuests(stage.signal())).map(({ name }) => name);
  const gone = async ({ id }: DriverGuest): Promise<void> => {
    await there().poweroffGuest(id, stage.signal());
    await there().deleteGuest(id, stage.signal());
  };

  it('has all of migration, or nothing of it', () => {
    const methods = ['offerGuest', 'awaitGuest', 'migrateGuest', 'recallGuest', 'landGuest'] as const;
    assert.equal(new Set(methods.map((method) => stage.driver[method] === undefined)).size, 1);
  });

  it('moves a guest, which stands still at the other until it is said that this one has none of it', async function () {
    if (!canMove()) return this.skip();
    const guest = await stage.running({ title: 'on its way' });
    await stage.hasBooted(guest.id);
    const landing = await awaited(guest);
    const left = await here().migrateGuest(guest.id, way(landing), stage.work());
    await assert.rejects(stage.driver.readGuest(guest.id, stage.signal()), failure('guest-not-found'));
    const arrived = await there().readGuest(guest.id, stage.signal());
    assert.deepEqual([arrived.name, arrived.title, arrived.state], [guest.name, 'on its way', 'paused']);
    const resumed = there().resumeGuest?.(guest.id, stage.signal()) ?? assert.fail('it can');
    await assert.rejects(resumed, failure('guest-wrong-state'));
    await there().landGuest(guest.id, CAME, stage.signal());
    assert.equal((await there().readGuest(guest.id, stage.signal())).state, 'running');
    await there().landGuest(guest.id, CAME, stage.signal());
    await there().landGuest(guest.id, STAYED, stage.signal());
    assert.equal((await there().readGuest(guest.id, stage.signal())).state, 'running', 'what is over is over');
    await left.remove();
    await gone(guest);
  });

  it('leaves one that was paused paused', async function () {
    if (!canMove() || stage.harness.startsPaused === false) return this.skip();
    const guest = await stage.define();
    await stage.driver.startGuest(guest.id, { paused: true }, stage.signal());
    const landing = await awaited(guest);
    await here().migrateGuest(guest.id, way(landing), stage.work());
    await there().landGuest(guest.id, CAME, stage.signal());
    assert.equal((await there().readGuest(guest.id, stage.signal())).state, 'paused');
    await gone(guest);
  });

  it('keeps it where it is when the way breaks, and removes what came of it', async function () {
    if (!canMove()) return this.skip();
    const guest = await stage.running();
    const { told } = await awaited(guest);
    const open = async (): Promise<never> => {
      throw new Error('the way is broken');
    };
    await assert.rejects(here().migrateGuest(guest.id, { told, open }, stage.work()), failure('migration-failed'));
    assert.equal(await stage.state(guest), 'running');
    await there().landGuest(guest.id, STAYED, stage.signal());
    assert.deepEqual(await namesThere(), []);
  });

  it('removes a guest that has come, where it turns out that the other has it still', async function () {
    if (!canMove()) return this.skip();
    const guest = await stage.running();
    const landing = await awaited(guest);
    await here().migrateGuest(guest.id, way(landing), stage.work());
    await there().landGuest(guest.id, STAYED, stage.signal());
    assert.deepEqual(await namesThere(), []);
  });

  it('keeps it where it is when it is called off', async function () {
    if (!canMove()) return this.skip();
    const guest = await stage.running();
    const landing = await awaited(guest);
    const cancelled = AbortSignal.abort(new Error('called off'));
    await assert.rejects(here().migrateGuest(guest.id, way(landing), stage.work(cancelled)), /called off/);
    assert.equal(await stage.state(guest), 'running');
    await there().landGuest(guest.id, STAYED, stage.signal());
  });

  it('takes none whose name is taken, and none of another hypervisor', async function () {
    if (!canMove()) return this.skip();
    const guest = await stage.running();
    const namesake = await there().defineGuest(
      stage.harness.definition({ name: guest.name }),
      { replace: false },
      stage.signal(),
    );
    await assert.rejects(awaited(guest), failure('guest-exists'));
    await there().deleteGuest(namesake.id, stage.signal());
    const foreign = { id: guest.id, name: guest.name, move: MOVE, offer: '{"hypervisor":"bhyve"}' };
    await assert.rejects(there().awaitGuest(foreign, stage.signal()), failure('migration-unfit'));
  });

  it('tells whether a guest is still here, and does not say of one that it came which is not', async function () {
    if (!canMove()) return this.skip();
    const guest = await stage.running();
    const landing = await awaited(guest);
    await assert.rejects(there().landGuest(guest.id, CAME, stage.signal()), failure('guest-not-found'));
    assert.equal(await here().recallGuest(guest.id, stage.signal()), true);
    assert.equal(await stage.state(guest), 'running');
    await here().migrateGuest(guest.id, way(landing), stage.work());
    assert.equal(await here().recallGuest(guest.id, stage.signal()), false);
    const another = { ...STAYED, move: '0b'.repeat(20) };
    await there().landGuest(guest.id, another, stage.signal());
    await there().landGuest(guest.id, CAME, stage.signal());
    assert.equal((await there().readGuest(guest.id, stage.signal())).state, 'running');
    await gone(guest);
  });

  it('does not touch a guest that it did not await', async function () {
    if (!canMove()) return this.skip();
    const guest = await stage.running();
    await here().landGuest(guest.id, STAYED, stage.signal());
    assert.equal(await stage.state(guest), 'running');
  });
}
