import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { fakeDriver } from '#agent/drivers/fake/driver.ts';
import { type FakeWorld, fakeWorld } from '#agent/drivers/fake/world.ts';
import type { InventoryChange } from '#agent/inventory/entries.ts';
import { type Inventory, inventory } from '#agent/inventory/inventory.ts';
import { Failure } from '#shared/errors.ts';
import { type ManualClock, manualClock } from '../../support/manual-clock.ts';
import { laggingDriver, turns } from './lagging-driver.ts';

const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const onBug = (error: unknown) => assert.fail(String(error));
const code = (wanted: string) => (error: unknown) => error instanceof Failure && error.code === wanted;

async function stage(guests: Parameters<typeof fakeWorld>[0] = {}) {
  const clock = manualClock();
  const world = fakeWorld({ clock, bootMs: 100, shutdownMs: 50, ...guests });
  const driver = fakeDriver({ world });
  const known = inventory({ driver, host: 'here', clock, log: quiet, onBug });
  const changes: InventoryChange[] = [];
  await known.start();
  known.onChange((change) => changes.push(change));
  return { clock, world, driver, known, changes };
}

/** What the hypervisor says, as the inventory should have it. */
const truthOf = (world: FakeWorld) =>
  world
    .guests()
    .map(({ record }) => `${record.id} ${record.definition.name} ${record.state} ${record.reason} ${record.autostart}`)
    .sort();
const knownOf = (known: Inventory) =>
  known
    .guests()
    .map((guest) => `${guest.uuid} ${guest.name} ${guest.state} ${guest.reason} ${guest.autostart}`)
    .sort();

describe('inventory', () => {
  it('knows all guests after the start, sorted, with the name of the host', async () => {
    const { known } = await stage({ guests: [{ name: 'web' }, { name: 'db', running: true, vcpus: 2 }] });
    assert.equal(known.state, 'up');
    assert.deepEqual(
      known.guests().map(({ name, state, host, vcpus }) => ({ name, state, host, vcpus })),
      [
        { name: 'db', state: 'running', host: 'here', vcpus: 2 },
        { name: 'web', state: 'shutoff', host: 'here', vcpus: 1 },
      ],
    );
    assert.equal(known.host?.hypervisor, 'Fake 1.0');
    await known.stop();
  });

  it('tells of an event with a state at once, before anything is read', async () => {
    const { known, world, changes } = await stage({ guests: [{ name: 'web' }] });
    world.named('web')!.start(false);
    assert.equal(known.guest('web').state, 'running');
    assert.deepEqual(
      changes.map(({ before, after, why }) => [before?.state, after?.state, typeof why === 'object' && why.what]),
      [['shutoff', 'running', 'started']],
    );
    await known.stop();
  });

  it('says guest-not-found of a guest that is not there, and of one that has gone', async () => {
    const { known, world, changes } = await stage({ guests: [{ name: 'web' }] });
    assert.throws(() => known.guest('nobody'), code('guest-not-found'));
    assert.throws(() => known.guest('__proto__'), code('guest-not-found'));
    world.remove(world.named('web')!);
    await known.settled();
    assert.throws(() => known.guest('web'), code('guest-not-found'));
    assert.deepEqual(
      changes.map(({ before, after }) => [before?.name, after?.name]),
      [['web', undefined]],
    );
    await known.stop();
  });

  it('keeps what it knows while the hypervisor is away, says so, and is right again when it is back', async () => {
    const { known, world, clock } = await stage({ guests: [{ name: 'web' }, { name: 'db' }] });
    const states: string[] = [];
    known.onState((state) => states.push(state));
    world.goAway('gone fishing');
    await turns(5);
    assert.equal(known.state, 'degraded');
    assert.match(known.problem ?? '', /gone fishing/);
    assert.equal(known.guests().length, 2);
    world.named('web')!.start(false);
    world.remove(world.named('db')!);
    world.comeBack();
    clock.advance(60_000);
    await turns(10);
    assert.equal(known.state, 'up');
    assert.deepEqual(knownOf(known), truthOf(world));
    assert.deepEqual(states, ['degraded', 'up']);
    await known.stop();
  });

  it('says that the host cannot be reached, not that there are no guests, before anything was read', async () => {
    const clock = manualClock();
    const world = fakeWorld({ clock, guests: [{ name: 'web' }] });
    world.goAway();
    const known = inventory({ driver: fakeDriver({ world }), host: 'here', clock, log: quiet, onBug });
    await known.start();
    assert.throws(() => known.guests(), code('host-unreachable'));
    assert.throws(() => known.guest('web'), code('host-unreachable'));
    world.comeBack();
    clock.advance(60_000);
    await turns(10);
    assert.equal(known.guest('web').state, 'shutoff');
    await known.stop();
  });

  it('finds addresses in the background, and forgets them when the guest goes off', async () => {
    const { known, world, clock, changes } = await stage({ guests: [{ name: 'web', addresses: ['10.0.0.2'] }] });
    world.named('web')!.start(false);
    for (let second = 0; second < 3; second++) {
      clock.advance(1_000);
      await turns(3);
    }
    assert.deepEqual(known.guest('web').addresses, ['10.0.0.2']);
    assert.ok(changes.some(({ why }) => why === 'addresses'));
    world.named('web')!.poweroff();
    assert.deepEqual(known.guest('web').addresses, []);
    await known.stop();
  });

  it('answers a refresh with what is true after it was asked for, though an older read is under way', async () => {
    const clock = manualClock();
    const world = fakeWorld({ clock, guests: [{ name: 'web' }] });
    const driver = laggingDriver(world, { read: () => 5, event: () => 1_000_000, hasId: true, hasState: true });
    const known = inventory({ driver, host: 'here', clock, log: quiet, onBug });
    await known.start();
    const { uuid } = known.guest('web');
    const older = known.refresh(uuid, AbortSignal.timeout(5_000));
    await turns(2);
    world.named('web')!.start(false);
    const guest = await known.refresh(uuid, AbortSignal.timeout(5_000));
    assert.equal(guest?.state, 'running');
    await older;
    assert.equal(known.guest('web').state, 'running');
    await known.stop();
  });

  it('takes the active one of two guests of one name', async () => {
    const { known, world } = await stage();
    const definition = {
      vcpus: 1,
      memoryMiB: 1,
      disks: [],
      nics: [],
      addresses: [],
      hasConsole: true,
      hearsShutdown: true,
    };
    world.define({ ...definition, name: 'twin' });
    const second = world.define({ ...definition, name: 'twin' });
    second.start(false);
    await known.settled();
    assert.equal(known.guest('twin').uuid, second.record.id);
    world.remove(second);
    await known.settled();
    assert.equal(known.guest('twin').state, 'shutoff');
    await known.stop();
  });

  it('ends equal to the truth, whatever happens in whatever order', async function () {
    this.timeout(120_000);
    const step = fc.record({
      act: fc.constantFrom(
        'start',
        'poweroff',
        'suspend',
        'resume',
        'define',
        'delete',
        'redefine',
        'autostart',
        'break',
        'away',
        'back',
      ),
      name: fc.constantFrom('a', 'b', 'c'),
      wait: fc.nat({ max: 4 }),
    });
    const lags = fc.record({
      read: fc.array(fc.nat({ max: 6 }), { minLength: 1, maxLength: 8 }),
      event: fc.array(fc.nat({ max: 6 }), { minLength: 1, maxLength: 8 }),
      hasId: fc.boolean(),
      hasState: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), lags, async (steps, lag) => {
        const clock = manualClock();
        const world = fakeWorld({ clock, guests: [{ name: 'a' }, { name: 'b', running: true }] });
        const inRound = (values: readonly number[]) => {
          let at = 0;
          return () => values[at++ % values.length]!;
        };
        const driver = laggingDriver(world, { ...lag, read: inRound(lag.read), event: inRound(lag.event) });
        const known = inventory({ driver, host: 'here', clock, log: quiet, onBug });
        const seen = new Map<string, string>();
        known.onChange(({ id, before, after }) => {
          assert.equal(seen.get(id), before && JSON.stringify(before), 'a change begins where the one before ended');
          if (after) seen.set(id, JSON.stringify(after));
          else {
            seen.delete(id);
            assert.equal(world.find(id), undefined, 'nothing is told to be gone that is there');
          }
        });
        void known.start();
        for (const { act, name, wait } of steps) {
          perform(world, clock, act, name);
          await turns(wait);
        }
        world.comeBack();
        await comesToRest(known, clock);
        assert.equal(known.state, 'up');
        assert.deepEqual(knownOf(known), truthOf(world));
        assert.deepEqual(
          [...seen.values()].sort(),
          known
            .guests()
            .map((guest) => JSON.stringify(guest))
            .sort(),
        );
        await known.stop();
        world.close();
      }),
      { numRuns: Number(process.env.SKERRY_RUNS ?? 150) },
    );
  });
});

async function comesToRest(known: Inventory, clock: ManualClock): Promise<void> {
  for (let round = 0; round < 3 || known.state !== 'up'; round++) {
    assert.ok(round < 50, 'the inventory comes up again');
    clock.advance(10_000);
    await turns(200);
  }
  await known.settled();
}

function perform(world: FakeWorld, clock: ManualClock, act: string, name: string): void {
  const guest = world.named(name);
  const state = guest?.record.state;
  if (act === 'break') world.breakStreams();
  else if (act === 'away') world.goAway();
  else if (act === 'back') {
    world.comeBack();
    clock.advance(400);
  } else if (act === 'define' && !guest) defineNamed(world, name);
  else if (act === 'redefine' && guest && state !== 'running') {
    world.remove(guest);
    defineNamed(world, name);
  } else if (act === 'delete' && guest && state === 'shutoff') world.remove(guest);
  else if (act === 'start' && state === 'shutoff') guest?.start(false);
  else if (act === 'poweroff' && state === 'running') guest?.poweroff();
  else if (act === 'suspend' && state === 'running') guest?.suspend();
  else if (act === 'resume' && state === 'paused') guest?.resume();
  else if (act === 'autostart' && guest) {
    guest.record.autostart = !guest.record.autostart;
    world.changed('autostart', guest, { what: 'changed' });
  }
}

const defineNamed = (world: FakeWorld, name: string) =>
  world.define({
    name,
    vcpus: 1,
    memoryMiB: 64,
    disks: [],
    nics: [],
    addresses: [],
    hasConsole: true,
    hearsShutdown: true,
  });
