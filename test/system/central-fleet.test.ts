import assert from 'node:assert/strict';
import { type Fleet, startFleet } from '#bench/fleet/fleet.ts';

const SIZE = { hosts: 20, guests: 10, workers: 4 };
const WAIT_MS = 90_000;

describe('central and a fleet of agents', function () {
  this.timeout(180_000);
  let fleet: Fleet;
  /** Central knows each guest as its driver has it, and hears its host; `nth` is the guest that was switched last. */
  const agrees = async (nth: number, on: boolean, running: number): Promise<void> => {
    await fleet.tells(nth, on, WAIT_MS);
    const truth = await fleet.truth();
    assert.equal(truth.length, SIZE.hosts * SIZE.guests);
    assert.equal(truth.filter((line) => line.endsWith(' running')).length, running);
    assert.deepEqual(await fleet.known(), truth);
  };

  before(async () => {
    fleet = await startFleet(SIZE);
  });
  after(() => fleet?.stop());

  it('agree when all have connected', async () => {
    await fleet.startCrews();
    await agrees(0, true, 100);
  });

  it('agree after kill -9 of central, while guests changed', async () => {
    await fleet.central.kill9();
    await fleet.switchAll(1, true);
    await fleet.central.start();
    await agrees(1, true, 120);
  });

  it('agree after kill -9 of ejabberd, while guests changed', async () => {
    await fleet.server.kill9();
    await fleet.switchAll(0, false);
    await fleet.server.start();
    await agrees(0, false, 100);
  });

  it('agree after kill -9 of agents, while guests of others changed', async () => {
    const [crew] = fleet.crews;
    await fleet.killCrew(0);
    assert.notEqual(fleet.crews[0]?.pid, crew?.pid);
    await fleet.switchAll(3, true);
    await agrees(3, true, 120);
  });
});
