import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import type { DriverGuest, HypervisorDriver } from '#agent/drivers/driver.ts';
import { zonesDriver } from '#agent/drivers/zones/driver.ts';
import { groundOf } from '#agent/drivers/zones/ground-of.ts';
import { recover } from '#agent/drivers/zones/recovering.ts';
import { definitionOf } from '#agent/drivers/zones/short-form.ts';
import type { Run } from '#agent/exec/run.ts';
import { Failure } from '#shared/errors.ts';
import { GuestForm } from '#shared/model/guest.ts';
import { NicWanted } from '#shared/model/nic.ts';
import { type IllumosScene, illumosScene, LOOKS, MACHINE } from './illumos-scene.ts';

const signal = () => AbortSignal.timeout(30_000);
const work = () => ({ signal: signal(), progress: () => {} });

const NIC = NicWanted.parse({ mac: '52:54:00:63:00:0c', bridge: 'sk-lan', link: 'sk52540063000c', mtu: 1450 });

/** All that there is on the host of zones and of what they are made of, in words. */
async function everything({ type, options }: IllumosScene): Promise<string> {
  const [zones, links, datasets] = await Promise.all([
    type('zoneadm', 'list', '-c', '-n', '-p'),
    type('dladm', 'show-link', '-p', '-o', 'link,class,mtu'),
    type('zfs', 'list', '-H', '-o', 'name'),
  ]);
  const names = zones.stdout.split('\n').flatMap((line) => line.split(':')[1] ?? []);
  const configs = await Promise.all(names.map(async (name) => (await type('zonecfg', '-z', name, 'export')).stdout));
  const made = join(options.stateFolder, 'zones/made');
  const ledger = existsSync(made) ? readdirSync(made).filter((name) => name.endsWith('.json')) : [];
  const states = zones.stdout
    .replace(/^[^:]*:/gm, '')
    .split('\n')
    .sort()
    .join('\n');
  return [
    states,
    ...configs.sort(),
    links.stdout.split('\n').sort().join('\n'),
    datasets.stdout,
    ...ledger.sort(),
  ].join('\n');
}

describe('zones: a verb that fails, at whichever command', () => {
  let scene: IllumosScene;
  let driver: HypervisorDriver;
  beforeEach(async () => {
    scene = illumosScene();
    for (const network of ['lan', 'dmz']) await scene.type('dladm', 'create-etherstub', `sk_${network}_0`);
    driver = zonesDriver(scene.options);
  });
  afterEach(async () => {
    await driver.close();
    scene.close();
  });

  const define = (more: object = {}): Promise<DriverGuest> =>
    driver.defineGuest(
      definitionOf(GuestForm.parse({ name: 'web1', ...more }), scene.places),
      { replace: false },
      signal(),
    );
  /** How many commands it takes. */
  const commandsOf = async (act: () => Promise<unknown>): Promise<number> => {
    scene.takeTranscript();
    await act();
    return scene.takeTranscript().length;
  };
  const failing = async (
    nth: number,
    when: 'before' | 'after',
    act: () => Promise<unknown>,
    of = '.',
  ): Promise<boolean> => {
    scene.fault({ of, nth, when, how: 'fails' });
    const outcome = await act().then(
      () => 'done',
      (error: unknown) => error,
    );
    scene.host.change((state) => void state.faults.splice(0));
    if (outcome !== 'done') assert.ok(outcome instanceof Failure, String(outcome));
    return outcome !== 'done';
  };

  it('makes a zone whole or not at all where it cannot see something', async () => {
    const create = () => driver.createGuest!(MACHINE, work());
    const clean = await everything(scene);
    scene.takeTranscript();
    const made = await create();
    const count = scene.takeTranscript().filter((line) => LOOKS.test(line)).length;
    await driver.deleteGuest(made.id, signal());
    assert.ok(count > 3);
    for (let nth = 1; nth <= count; nth++) {
      await failing(nth, 'before', create, LOOKS.source);
      const left = await everything(scene);
      // Once all of it is there it is a guest, also where it then could not be read.
      if (left !== clean) assert.equal((await driver.listGuests(signal())).length, 1, `${nth}`);
      for (const { id } of await driver.listGuests(signal())) await driver.deleteGuest(id, signal());
      assert.equal(await everything(scene), clean, `${nth}`);
    }
  });

  it('leaves a zone that was to be changed as it was', async () => {
    const guest = await define({ vcpus: 1, memoryMiB: 128 });
    await driver.attachNic(guest.id, { ...NIC, mac: '52:54:00:63:00:0d', link: 'sk52540063000d' }, signal());
    const text = () => definitionOf(GuestForm.parse({ name: 'web1', title: 'new', vcpus: 3 }), scene.places);
    const changes: Record<string, () => Promise<unknown>> = {
      attach: () => driver.attachNic(guest.id, NIC, signal()),
      'attach elsewhere': () =>
        driver.attachNic(guest.id, { ...NIC, mac: '52:54:00:63:00:0d', bridge: 'sk-dmz' }, signal()),
      detach: () => driver.detachNic(guest.id, '52:54:00:63:00:0d', signal()),
      set: () => driver.setGuest(guest.id, { vcpus: 2, memoryMiB: 256, title: 'set' }, signal()),
      autostart: () => driver.setAutostart(guest.id, true, signal()),
      replace: () => driver.defineGuest(text(), { replace: true }, signal()),
    };
    const definition = await driver.readDefinition(guest.id, signal());
    // What a zone that is off is given, and is set, fails in more ways in zones-faults.test.ts.
    const tried = (what: string, isOn: boolean): boolean =>
      isOn ? ['attach', 'detach', 'set'].includes(what) : !['attach', 'set'].includes(what);
    for (const isOn of [false, true]) {
      if (isOn) await driver.startGuest(guest.id, { paused: false }, signal());
      for (const [what, act] of Object.entries(changes)) {
        if (!tried(what, isOn)) continue;
        const before = await everything(scene);
        const count = await commandsOf(act);
        const after = await everything(scene);
        assert.notEqual(after, before, what);
        const back = async () => {
          if (isOn) await driver.poweroffGuest(guest.id, signal());
          await driver.defineGuest(definition, { replace: true }, signal());
          if (isOn) await driver.startGuest(guest.id, { paused: false }, signal());
        };
        await back();
        for (let nth = 1; nth <= count; nth++)
          for (const when of ['before', 'after'] as const) {
            const failed = await failing(nth, when, act);
            const now = await everything(scene);
            assert.ok(
              now === before || now === after,
              `${what} ${nth} ${when} ${isOn}: ${failed}\n${now}\n----\n${before}`,
            );
            if (now === after) await back();
          }
      }
    }
  });
});

describe('zones: what somebody else does to them', () => {
  let scene: IllumosScene;
  beforeEach(async () => {
    scene = illumosScene();
    await scene.type('dladm', 'create-etherstub', 'sk_lan_0');
  });
  afterEach(() => scene.close());
  const names = async (...words: string[]) =>
    (await scene.type(...words)).stdout.split('\n').filter((line) => line !== '');
  const volumes = () => names('zfs', 'list', '-H', '-o', 'name', '-t', 'volume');
  const agent = async <T>(act: (driver: HypervisorDriver) => Promise<T>): Promise<T> => {
    await recover(
      groundOf(scene.options, () => {}),
      signal(),
    );
    const driver = zonesDriver(scene.options);
    try {
      return await act(driver);
    } finally {
      await driver.close();
    }
  };

  it('loses no disk of a zone that was deleted past the driver, and a new one of that name has none of it', async () => {
    await agent((driver) => driver.createGuest!(MACHINE, work()));
    const before = await volumes();
    await scene.type('zoneadm', '-z', 'vm1', 'uninstall', '-F');
    await scene.type('zonecfg', '-z', 'vm1', 'delete', '-F');
    await agent(async (driver) => assert.deepEqual(await driver.listGuests(signal()), []));
    assert.deepEqual(await volumes(), before);
    await agent((driver) => assert.rejects(driver.createGuest!(MACHINE, work()), /dataset rpool\/vm1_disk0 already/));
    assert.deepEqual(await volumes(), before);
    await agent((driver) => driver.createGuest!({ ...MACHINE, options: { disk: 'rpool/vm1_disk0' } }, work()));
  });

  it('follows a zone to another name, with all that was made for it', async () => {
    const clean = await everything(scene);
    await agent((driver) => driver.createGuest!(MACHINE, work()));
    await scene.type('zonecfg', '-z', 'vm1', 'set zonename=vm2');
    await agent(async (driver) => {
      // The first name is free, and its folder is not.
      const other = { ...MACHINE, image: 'sparse', nics: [], options: {} };
      await assert.rejects(driver.createGuest!(other, work()), /overlap/);
      const [guest] = await driver.listGuests(signal());
      assert.equal(guest?.name, 'vm2');
      await driver.startGuest(guest!.id, { paused: false }, signal());
      await driver.poweroffGuest(guest!.id, signal());
      await driver.deleteGuest(guest!.id, signal());
    });
    assert.equal(await everything(scene), clean);
  });
});

describe('zones: an agent that is killed, at whichever command', () => {
  let scene: IllumosScene;
  beforeEach(async () => {
    scene = illumosScene();
    await scene.type('dladm', 'create-etherstub', 'sk_lan_0');
  });
  afterEach(() => scene.close());

  /** It dies with the nth command: before that one, or when it has ended. */
  const dyingRun = (nth: number, when: 'before' | 'after'): Run => {
    let left = nth;
    const dead = new Error('the agent is dead');
    return async (command, limit) => {
      if (left <= 0) throw dead;
      left--;
      if (left === 0 && when === 'before') throw dead;
      const answer = await scene.run(command, limit);
      if (left === 0) throw dead;
      return answer;
    };
  };
  const whole = async (act: (driver: HypervisorDriver) => Promise<unknown>): Promise<void> => {
    const driver = zonesDriver(scene.options);
    await act(driver);
    await driver.close();
  };
  /** As the next agent finds it, once it has mended what it can. */
  const mended = async (): Promise<string> => {
    await recover(
      groundOf(scene.options, () => {}),
      signal(),
    );
    return everything(scene);
  };

  it('has left no half zone once the next one has begun', async () => {
    const clean = await everything(scene);
    const only = async (driver: HypervisorDriver) => (await driver.listGuests(signal()))[0]!.id;
    for (let nth = 1; ; nth++) {
      let isOver = false;
      for (const when of ['before', 'after'] as const) {
        const dying = zonesDriver({ ...scene.options, run: dyingRun(nth, when) });
        isOver = await dying.createGuest!(MACHINE, work()).then(
          () => true,
          () => false,
        );
        await dying.close().catch(() => {});
        const now = await mended();
        if (now !== clean) await whole(async (driver) => driver.deleteGuest(await only(driver), signal()));
        assert.equal(await everything(scene), clean, `${nth} ${when}`);
      }
      if (isOver) break;
      assert.ok(nth < 60);
    }
    for (let nth = 1; nth < 12; nth++) {
      await whole((driver) => driver.createGuest!(MACHINE, work()));
      const dying = zonesDriver({ ...scene.options, run: dyingRun(nth, 'after') });
      await only(dying)
        .then((id) => dying.deleteGuest(id, signal()))
        .catch(() => {});
      await dying.close().catch(() => {});
      if ((await mended()) !== clean) await whole(async (driver) => driver.deleteGuest(await only(driver), signal()));
      assert.equal(await everything(scene), clean, `delete ${nth}`);
    }
  });

  it('has left no half zone where its process is killed', async function () {
    this.timeout(120_000);
    const clean = await everything(scene);
    for (const nth of [4, 6, 8, 10, 12]) {
      const file = fileURLToPath(new URL('inside/zone-maker.ts', import.meta.url));
      const child = spawn(process.execPath, [file, scene.folder, String(nth)], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      const [, killedBy] = await once(child, 'exit');
      assert.equal(killedBy, 'SIGKILL');
      if ((await mended()) === clean) continue;
      await whole(async (driver) => driver.deleteGuest((await driver.listGuests(signal()))[0]!.id, signal()));
      assert.equal(await everything(scene), clean, `${nth}`);
    }
  });
});

describe('zones: two verbs on one zone at once', () => {
  const verbs: Record<string, (driver: HypervisorDriver, id: string) => Promise<unknown>> = {
    start: (driver, id) => driver.startGuest(id, { paused: false }, signal()),
    poweroff: (driver, id) => driver.poweroffGuest(id, signal()),
    delete: (driver, id) => driver.deleteGuest(id, signal()),
    attach: (driver, id) => driver.attachNic(id, NIC, signal()),
    move: (driver, id) => driver.attachNic(id, { ...NIC, bridge: 'sk-dmz' }, signal()),
    rename: (driver, id) => driver.attachNic(id, { ...NIC, link: 'tap7' }, signal()),
    detach: (driver, id) => driver.detachNic(id, NIC.mac, signal()),
    set: (driver, id) => driver.setGuest(id, { vcpus: 2 }, signal()),
    title: (driver, id) => driver.setGuest(id, { title: 'both' }, signal()),
  };

  it('are done one after the other, whichever command comes when', async function () {
    this.timeout(120_000);
    const verb = fc.constantFrom(...Object.keys(verbs));
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), verb, verb, fc.boolean(), async (scheduler, one, other, isOn) => {
        const scene = illumosScene();
        let isScheduled = false;
        const run: Run = (command, limit) =>
          isScheduled
            ? scheduler.schedule(Promise.resolve(), command.args.join(' ')).then(() => scene.run(command, limit))
            : scene.run(command, limit);
        const driver = zonesDriver({ ...scene.options, run });
        try {
          for (const network of ['lan', 'dmz']) await scene.type('dladm', 'create-etherstub', `sk_${network}_0`);
          const text = definitionOf(GuestForm.parse({ name: 'web1' }), scene.places);
          const { id } = await driver.defineGuest(text, { replace: false }, signal());
          if (isOn) await driver.startGuest(id, { paused: false }, signal());
          isScheduled = true;
          const both = Promise.allSettled([verbs[one]!(driver, id), verbs[other]!(driver, id)]);
          await scheduler.waitFor(both);
          isScheduled = false;
          for (const outcome of await both)
            if (outcome.status === 'rejected') assert.ok(outcome.reason instanceof Failure, String(outcome.reason));
          await consistent(scene, driver);
        } finally {
          isScheduled = false;
          await driver.close();
          scene.close();
        }
      }),
      { numRuns: 30 },
    );
  });

  /** Vnics are those that the zone's configuration names, once it is off; none without it. */
  async function consistent(scene: IllumosScene, driver: HypervisorDriver): Promise<void> {
    const [guest] = await driver.listGuests(signal());
    if (guest && guest.state !== 'shutoff') await driver.poweroffGuest(guest.id, signal());
    if (guest) await driver.startGuest(guest.id, { paused: false }, signal());
    const nics = guest ? (await driver.listNics(guest.id, signal())).map(({ link }) => `${link}_0`) : [];
    const { stdout } = await scene.type('dladm', 'show-vnic', '-p', '-o', 'link');
    assert.deepEqual(
      stdout
        .split('\n')
        .filter((line) => line !== '')
        .sort(),
      nics.sort(),
    );
  }
});
