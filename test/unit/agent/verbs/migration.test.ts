import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { fakeDriver } from '#agent/drivers/fake/driver.ts';
import { type FakeGuestOptions, fakeWorld } from '#agent/drivers/fake/world.ts';
import { hostInventory } from '#agent/inventory/several.ts';
import { receiving } from '#agent/migration/receiving.ts';
import { migrationHandlers } from '#agent/verbs/migration.ts';
import { systemClock } from '#shared/clock.ts';
import type { Job } from '#shared/model/job.ts';
import type { Call } from '#shared/verb/request.ts';
import { code, may } from './stage.ts';

const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const CENTRAL = { bareJid: 'central.x', fullJid: 'central.x', behalfOf: 'admin@x' };
const key = randomBytes(32).toString('hex');
const move = '0a'.repeat(20);

/** The verbs of one host, on the fake hypervisor. */
async function hostOf(host: string, guests: FakeGuestOptions[], takesGuests = true) {
  const world = fakeWorld({ bootMs: 0, shutdownMs: 0, guests });
  const plain = fakeDriver({ world, host });
  const gate = { begun: Promise.withResolvers<void>(), open: Promise.resolve() };
  const migrateGuest: typeof plain.migrateGuest = async (...args) => {
    gate.begun.resolve();
    await gate.open;
    return (plain.migrateGuest ?? assert.fail)(...args);
  };
  const driver = { ...plain, migrateGuest };
  const inventory = hostInventory({ driver, host, clock: systemClock, log: quiet, onBug: assert.fail });
  await inventory.start();
  const ports = { from: 49_152, to: 49_215 };
  const awaited = receiving({
    driver,
    host,
    address: () => (takesGuests ? '127.0.0.1' : undefined),
    ports,
    log: quiet,
  });
  const consoles = { mark: async () => {} };
  const running: Job[] = [];
  const cancelled: string[] = [];
  const jobs = {
    list: () => running,
    cancel: async (id: string): Promise<Job> => {
      cancelled.push(id);
      return running.find((job) => job.id === id) ?? assert.fail(id);
    },
  };
  const handlers = migrationHandlers({ driver, inventory, may, host, consoles, log: quiet, receiving: awaited, jobs });
  return {
    ...{ world, handlers, gate, running, cancelled },
    stop: async () => {
      awaited.stop();
      await inventory.stop();
      world.close();
    },
  };
}

const callOf = (verb: string, more: Partial<Call> = {}): Call => ({
  ...{ verb, requester: CENTRAL, surface: 'central', operation: 'o', signal: AbortSignal.timeout(10_000) },
  ...{ progress: () => {}, ...more },
});

describe('what two hosts do of a move', () => {
  let source: Awaited<ReturnType<typeof hostOf>>;
  let target: Awaited<ReturnType<typeof hostOf>>;
  let venti = '';
  beforeEach(async () => {
    source = await hostOf('host1', [{ name: 'venti', running: true }, { name: 'off' }]);
    target = await hostOf('host2', []);
    venti = source.world.named('venti')?.record.id ?? '';
  });
  afterEach(() => Promise.all([source.stop(), target.stop()]));

  const awaits = async (to = target) => {
    const { offer } = await source.handlers['guest.offer']({ guest: 'venti' }, callOf('guest.offer'));
    const coming = { name: 'venti', uuid: venti, from: 'host1', offer, key, move };
    return to.handlers['guest.await'](coming, callOf('guest.await'));
  };
  const sends = (way: Awaited<ReturnType<typeof awaits>>, more: object = {}, call: Partial<Call> = {}) =>
    source.handlers['guest.migrate'](
      { guest: 'venti', uuid: venti, to: 'host2', key, ...way, ...more },
      callOf('guest.migrate', call),
    );
  const stateThere = (): string | undefined => target.world.named('venti')?.record.state;

  it('is that it runs at the other, when this one has none of it', async () => {
    const way = await awaits();
    assert.equal(way.address, '127.0.0.1');
    await sends(way);
    assert.equal(source.world.named('venti'), undefined);
    assert.equal(stateThere(), 'running');
  });

  it('is taken from central alone', async () => {
    const admin = { bareJid: 'admin@x', fullJid: 'admin@x/1' };
    await assert.rejects(
      target.handlers['guest.await'](
        { name: 'a', uuid: 'b', from: 'host1', offer: '', key, move },
        callOf('guest.await', { requester: admin }),
      ),
      code('not-permitted'),
    );
    const way = await awaits();
    await assert.rejects(sends(way, {}, { requester: admin }), code('not-permitted'));
    await assert.rejects(
      target.handlers['guest.land'](
        { name: 'venti', uuid: venti, outcome: 'came', move },
        callOf('guest.land', { requester: admin }),
      ),
      code('not-permitted'),
    );
    assert.equal(source.world.named('venti')?.record.state, 'running');
  });

  it('comes to nothing without the key of the move', async () => {
    const way = await awaits();
    await assert.rejects(sends(way, { key: randomBytes(32).toString('hex') }), code('migration-failed'));
    assert.equal(source.world.named('venti')?.record.state, 'running');
    assert.equal(stateThere(), undefined);
  });

  it('comes to nothing when the target has said that it stayed: nobody is awaited then', async () => {
    const way = await awaits();
    const stayed = { name: 'venti', uuid: venti, outcome: 'stayed' as const, move };
    await target.handlers['guest.land'](stayed, callOf('guest.land'));
    await assert.rejects(sends(way), code('migration-failed'));
    assert.equal(source.world.named('venti')?.record.state, 'running');
  });

  it('is done already, where a job that is begun again finds none of it here', async () => {
    const way = await awaits();
    await sends(way);
    assert.deepEqual(await sends(way, {}, { resumed: true }), { guest: 'venti' });
    await assert.rejects(sends(way), code('guest-not-found'));
    assert.equal(stateThere(), 'running');
  });

  const lands = (outcome: 'came' | 'stayed', by = move) =>
    target.handlers['guest.land']({ name: 'venti', uuid: venti, outcome, move: by }, callOf('guest.land'));
  const recalls = () => source.handlers['guest.recall']({ name: 'venti', uuid: venti }, callOf('guest.recall'));

  it('is that the target says of none that it came, unless it is there', async () => {
    await assert.rejects(lands('came'), code('guest-not-found'));
    await awaits();
    await assert.rejects(lands('came'), code('guest-not-found'));
    await lands('stayed');
    await sends(await awaits());
    assert.deepEqual(await lands('came'), { name: 'venti', outcome: 'came' }, 'said before by the source');
    assert.equal(stateThere(), 'running');
  });

  it('is not ended by what is said of another move', async () => {
    const way = await awaits();
    const earlier = '0b'.repeat(20);
    await lands('stayed', earlier);
    await sends(way);
    assert.equal(stateThere(), 'running', 'it was awaited all the same');
    const again = target.world.find(venti) ?? assert.fail('it is there');
    again.record.state = 'paused';
    again.record.arriving = { runs: true, move };
    await lands('came', earlier);
    await lands('stayed', earlier);
    assert.equal(stateThere(), 'paused');
  });

  it('is told by the source when nothing of it is under way there', async () => {
    assert.deepEqual(await recalls(), { name: 'venti', outcome: 'stayed' });
    const held = Promise.withResolvers<void>();
    source.gate.open = held.promise;
    const sending = sends(await awaits());
    await source.gate.begun.promise;
    let isTold = false;
    const recalled = recalls().finally(() => {
      isTold = true;
    });
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    assert.equal(isTold, false, 'it looks as if it stayed');
    held.resolve();
    assert.deepEqual(await recalled, { name: 'venti', outcome: 'came' });
    await sending;
    assert.equal(stateThere(), 'running');
  });

  it('is not begun again by a job of it, once the source has told where it is', async () => {
    const job = { id: '7', verb: 'guest.migrate', target: 'venti', state: 'running', progress: '' } as Job;
    source.running.push(job, { ...job, id: '8', target: 'other' }, { ...job, id: '9', verb: 'guest.shutdown' });
    await recalls();
    assert.deepEqual(source.cancelled, ['7']);
    await source.handlers['guest.recall']({ name: 'venti', uuid: 'of an earlier one' }, callOf('guest.recall'));
    assert.deepEqual(source.cancelled, ['7'], 'the job is of the guest that has the name now');
  });

  it('sends no other guest that has its name by then', async () => {
    const way = await awaits();
    await assert.rejects(sends(way, { uuid: 'another' }), code('guest-not-found'));
    await sends(way, { uuid: 'another' }, { resumed: true });
    assert.equal(source.world.named('venti')?.record.state, 'running');
  });

  it('is refused of a guest that is off, and by a host that has no address for it', async () => {
    await assert.rejects(
      source.handlers['guest.offer']({ guest: 'off' }, callOf('guest.offer')),
      code('guest-wrong-state', { verb: 'guest.migrate' }),
    );
    const closed = await hostOf('host3', [], false);
    await assert.rejects(awaits(closed), code('migration-unfit'));
    await closed.stop();
  });
});
