import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import { zonesDriver } from '#agent/drivers/zones/driver.ts';
import { Failure } from '#shared/errors.ts';
import { GuestForm } from '#shared/model/guest.ts';
import { NicWanted } from '#shared/model/nic.ts';
import type { Fault } from '#test/illumos/state.ts';
import { type IllumosScene, illumosScene, LOOKS, MACHINE } from './illumos-scene.ts';

/** Ways in which a command does not end well; `middle` is where it has a half of its effect. */
const WAYS: readonly Pick<Fault, 'when' | 'how'>[] = [
  { when: 'before', how: 'fails' },
  { when: 'middle', how: 'is killed' },
  { when: 'middle', how: 'fails' },
  { when: 'after', how: 'fails' },
  { when: 'after', how: 'is killed' },
];
const work = () => ({ signal: AbortSignal.timeout(30_000), progress: () => {} });

describe('zones on modelled commands, one of which does not end well', function () {
  this.timeout(120_000);
  let scene: IllumosScene;
  let driver: HypervisorDriver;
  const signal = () => AbortSignal.timeout(30_000);

  beforeEach(begin);
  afterEach(end);

  async function begin(): Promise<void> {
    scene = illumosScene();
    for (const network of ['lan', 'dmz']) await scene.type('dladm', 'create-etherstub', `sk_${network}_0`);
    driver = zonesDriver(scene.options);
  }
  async function end(): Promise<void> {
    await driver.close();
    scene.close();
  }

  const nic = NicWanted.parse({ mac: '52:54:00:63:00:0c', bridge: 'sk-dmz', link: 'sk52540063000c', mtu: 1450 });
  const definition = () =>
    driver.definitionOf(GuestForm.parse({ name: 'web1', memoryMiB: 256, nics: ['bridge=sk-lan,ip=10.1.2.3/24'] }));
  const define = () => driver.defineGuest(definition(), { replace: false }, signal());
  const create = () => driver.createGuest!(MACHINE, work());
  /** There is one at most. */
  const idOf = async () => (await driver.listGuests(signal()))[0]?.id ?? 'none';
  const stateOf = async () => (await driver.readGuest(await idOf(), signal())).state;

  /** All that zones leave on a host. */
  const left = () =>
    scene.host.read((state) => ({
      zones: state.zones.map(({ name, state: word, kernel }) => [name, kernel?.state ?? word]),
      links: state.links.map(({ name }) => name),
      datasets: state.datasets.map(({ name }) => name),
      configurations: readdirSync(state.settings.configFolder),
      roots: existsSync(scene.places.zonesFolder) ? readdirSync(scene.places.zonesFolder) : [],
      kept: filesIn(join(scene.folder, 'state')),
    }));
  const filesIn = (folder: string): string[] =>
    existsSync(folder)
      ? readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((one) => (one.isFile() ? [one.name] : []))
      : [];

  /** What is asked, and what must be so afterwards when it was refused, and when it was asked again. */
  interface Work {
    before(): Promise<void>;
    ask(): Promise<unknown>;
    /** It has been refused. */
    refused?(): Promise<void> | void;
    /** It was asked again, and no command failed. */
    done(): Promise<void> | void;
    /** A second time it may say so. */
    again?: string;
  }

  /** The commands that change something, when all goes well. */
  async function commandsOf({ before, ask }: Work): Promise<number> {
    await before();
    scene.takeTranscript();
    await ask();
    return scene.takeTranscript().filter((line) => !isLook(line)).length;
  }
  const isLook = (line: string): boolean => LOOKS.test(line.replace(/^zoneadm -z \S+ list/, 'zoneadm list'));

  async function survives(work: Work, nth: number, way: Pick<Fault, 'when' | 'how'>): Promise<void> {
    await work.before();
    scene.takeTranscript();
    scene.fault({ of: `^(?!${LOOKS.source.slice(1)})`, nth, ...way });
    const what = () =>
      `command ${nth} of ${scene
        .takeTranscript()
        .filter((line) => !isLook(line))
        .join(' · ')}`;
    const error = await work.ask().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    const isMet = scene.host.change((state) => state.faults.splice(0).length === 0);
    const told = `${way.how} ${way.when} ${what()}`;
    try {
      if (error !== undefined) {
        assert.ok(isMet && error instanceof Failure, String(error));
        await work.refused?.();
        await work.ask().catch((reason: unknown) => {
          if (!(reason instanceof Failure && reason.code === work.again)) throw reason;
        });
      }
      await work.done();
    } catch (problem) {
      throw new Error(told, { cause: problem });
    }
  }

  async function allSurvived(makeWork: () => Work): Promise<void> {
    await end();
    await begin();
    const count = await commandsOf(makeWork());
    assert.ok(count > 0);
    for (let nth = 1; nth <= count; nth++)
      for (const way of WAYS) {
        await end();
        await begin();
        await survives(makeWork(), nth, way);
      }
  }

  it('leaves nothing of a zone that could not be made, and makes it when it is asked again', async () => {
    let first: ReturnType<typeof left>;
    await allSurvived(() => ({
      before: async () => {
        first = left();
      },
      ask: create,
      refused: async () => {
        assert.deepEqual(await driver.listGuests(signal()), []);
        assert.deepEqual(left(), first);
      },
      done: async () => {
        assert.equal(await stateOf(), 'shutoff');
        await driver.deleteGuest(await idOf(), signal());
        assert.deepEqual(left(), first);
      },
    }));
  });

  it('takes a zone away with all that is of it, at the second time of asking at the latest', async () => {
    let first: ReturnType<typeof left>;
    await allSurvived(() => ({
      before: async () => {
        first = left();
        await create();
      },
      // By its name, as people do: a zone that is not installed any more has another id.
      ask: async () => driver.deleteGuest(await idOf(), signal()),
      again: 'guest-not-found',
      done: () => assert.deepEqual(left(), first),
    }));
  });

  it('gives a zone that is off an interface, or leaves it as it was', async () => {
    let before: unknown;
    await allSurvived(() => ({
      before: async () => {
        await define();
        before = [await driver.readDefinition(await idOf(), signal()), left()];
      },
      ask: async () => driver.attachNic(await idOf(), nic, signal()),
      refused: async () => assert.deepEqual([await driver.readDefinition(await idOf(), signal()), left()], before),
      done: async () => {
        assert.ok((await driver.listNics(await idOf(), signal())).some(({ mac }) => mac === nic.mac));
        await driver.startGuest(await idOf(), { paused: false }, signal());
        assert.equal(await stateOf(), 'running');
      },
    }));
  });

  it('starts and stops a zone, or says how it is', async () => {
    await allSurvived(() => ({
      before: async () => void (await define()),
      ask: async () => driver.startGuest(await idOf(), { paused: false }, signal()),
      again: 'guest-wrong-state',
      done: async () => {
        if ((await stateOf()) === 'paused') await driver.resumeGuest?.(await idOf(), signal());
        assert.equal(await stateOf(), 'running');
      },
    }));
    await allSurvived(() => ({
      before: async () => {
        await define();
        await driver.startGuest(await idOf(), { paused: false }, signal());
      },
      ask: async () => driver.poweroffGuest(await idOf(), signal()),
      again: 'guest-wrong-state',
      done: async () => assert.equal(await stateOf(), 'shutoff'),
    }));
  });

  it('changes what a zone may use, or leaves it as it was', async () => {
    let before: unknown;
    await allSurvived(() => ({
      before: async () => {
        await define();
        before = await driver.readGuest(await idOf(), signal());
      },
      ask: async () => driver.setGuest(await idOf(), { vcpus: 2, memoryMiB: 512 }, signal()),
      refused: async () => assert.deepEqual(await driver.readGuest(await idOf(), signal()), before),
      done: async () => {
        const { vcpus, memoryMiB } = await driver.readGuest(await idOf(), signal());
        assert.deepEqual([vcpus, memoryMiB], [2, 512]);
      },
    }));
  });
});
