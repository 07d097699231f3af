import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { guestQuestions } from '#agent/verbs/guest.ts';
import { supportedBy } from '#agent/verbs/supported.ts';
import { Failure } from '#shared/errors.ts';
import type { Job } from '#shared/model/job.ts';
import { jobHandlers } from '#shared/verb/job-handlers.ts';
import type { Call } from '#shared/verb/request.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { code, type GuestVerb, may, stage } from './stage.ts';

describe('what is asked of guests before they may lose work', () => {
  it('is refused where the guest is not there, or not in a state for it', async () => {
    const { known, stop, world } = await stage([{ name: 'off' }, { name: 'on', running: true }]);
    const questions = guestQuestions({ inventory: known });
    const ask = async (verb: 'guest.poweroff' | 'guest.delete', guest: string) =>
      questions[verb]?.(
        { guest },
        { verb, requester: { bareJid: 'admin@x', fullJid: 'admin@x/1' }, signal: AbortSignal.timeout(10_000) },
      );
    await assert.rejects(ask('guest.poweroff', 'off'), code('guest-wrong-state', { guest: 'off', state: 'shutoff' }));
    await assert.rejects(ask('guest.delete', 'on'), code('guest-wrong-state', { guest: 'on', state: 'running' }));
    await assert.rejects(ask('guest.delete', 'neither'), code('guest-not-found'));
    assert.equal(await ask('guest.poweroff', 'on'), undefined, 'the verb and its guest say it');
    assert.equal(await ask('guest.delete', 'off'), undefined);
    assert.deepEqual(world.guests().length, 2);
    await stop();
  });
});

describe('verbs of guests', () => {
  it('answer with the state after the change', async () => {
    const { run, stop, world } = await stage([{ name: 'web' }]);
    assert.equal((await run('guest.start', { guest: 'web' })).state, 'running');
    assert.equal((await run('guest.suspend', { guest: 'web' })).state, 'paused');
    assert.equal((await run('guest.resume', { guest: 'web' })).state, 'running');
    assert.equal((await run('guest.reboot', { guest: 'web' })).state, 'running');
    assert.equal((await run('guest.poweroff', { guest: 'web' })).state, 'shutoff');
    assert.equal((await run('guest.start', { guest: 'web', paused: true })).state, 'paused');
    assert.equal((await run('guest.poweroff', { guest: 'web' })).state, 'shutoff');
    assert.equal((await run('guest.autostart', { guest: 'web' })).autostart, true);
    assert.equal((await run('guest.delete', { guest: 'web' })).name, 'web');
    assert.equal(world.guests().length, 0);
    await stop();
  });

  it('refuse a guest in the wrong state, and say which would be right', async () => {
    const { run, stop } = await stage([{ name: 'off' }, { name: 'on', running: true }]);
    const wrong: [GuestVerb, string, string][] = [
      ['guest.start', 'on', 'running'],
      ['guest.delete', 'on', 'running'],
      ['guest.resume', 'on', 'running'],
      ['guest.poweroff', 'off', 'shutoff'],
      ['guest.suspend', 'off', 'shutoff'],
      ['guest.reboot', 'off', 'shutoff'],
    ];
    for (const [verb, guest, state] of wrong) {
      await assert.rejects(run(verb, { guest }), code('guest-wrong-state', { guest, state, verb }), verb);
    }
    for (const verb of [
      'guest.start',
      'guest.info',
      'guest.stats',
      'guest.definition',
      'guest.shutdown',
      'guest.set',
    ] as const) {
      await assert.rejects(
        run(verb, { guest: 'nobody', ...(verb === 'guest.set' ? { vcpus: 2 } : {}) }),
        code('guest-not-found'),
        verb,
      );
    }
    await stop();
  });

  it('do not refuse for what was true some time ago', async () => {
    const { run, stop, world } = await stage([{ name: 'web', running: true }]);
    const record = world.named('web')!.record;
    // Nobody was told of this stop.
    record.state = 'shutoff';
    delete record.live;
    assert.equal((await run('guest.start', { guest: 'web' })).state, 'running');
    await stop();
  });

  it('list what the requester may see, by state and name', async () => {
    const { run, stop } = await stage([{ name: 'web1', running: true }, { name: 'web2' }, { name: 'db' }]);
    const names = async (args: object, by?: string) =>
      ((await run('guest.list', { ...args }, by)) as unknown as { name: string }[]).map(({ name }) => name);
    assert.deepEqual(await names({}), ['db', 'web1', 'web2']);
    assert.deepEqual(await names({}, 'viewer@x'), ['web1', 'web2']);
    assert.deepEqual(await names({ state: 'running' }), ['web1']);
    assert.deepEqual(await names({ match: 'b2' }), ['web2']);
    await stop();
  });

  it('change settings, and say when each holds', async () => {
    const { run, stop } = await stage([{ name: 'web', running: true, memoryMiB: 256 }]);
    const changed = (await run('guest.set', { guest: 'web', vcpus: 2, memoryMiB: 128 })) as unknown as object[];
    assert.deepEqual(changed, [
      { setting: 'vcpus', value: '2', holds: 'from the next start' },
      { setting: 'memoryMiB', value: '128', holds: 'now' },
    ]);
    assert.equal((await run('guest.info', { guest: 'web' })).memoryMiB, 128);
    await assert.rejects(run('guest.set', { guest: 'web' }), code('bad-argument'));
    await stop();
  });

  it('define a guest from a few facts or from a definition, and change one only where that is said', async () => {
    const { run, stop } = await stage([]);
    assert.equal((await run('guest.define', { name: 'web1', vcpus: 2 })).vcpus, 2);
    await assert.rejects(run('guest.define', { name: 'web1' }), code('guest-exists', { guest: 'web1' }));
    assert.equal((await run('guest.define', { name: 'web1', vcpus: 3, replace: true })).vcpus, 3);
    const { definition } = await run('guest.definition', { guest: 'web1' });
    assert.equal((await run('guest.define', { definition, replace: true })).name, 'web1');
    await assert.rejects(run('guest.define', { definition }), code('guest-exists'));
    await assert.rejects(run('guest.define', {}), code('bad-argument', { field: 'name' }));
    await assert.rejects(run('guest.define', { name: 'web2', disk: ['x,y'] }), code('guest-definition'));
    await stop();
  });

  it('let nobody define by a definition what they may not define by name', async () => {
    const { run, stop, driver } = await stage([{ name: 'db' }]);
    const of = (name: string) => ({ definition: JSON.stringify({ name }), replace: true });
    await assert.rejects(run('guest.define', of('db'), 'webmaster@x'), code('not-permitted'));
    await assert.rejects(run('guest.define', { ...of('db'), name: 'web1' }, 'webmaster@x'), code('not-permitted'));
    await assert.rejects(run('guest.define', { ...of('web1'), name: 'web2' }, 'webmaster@x'), code('bad-argument'));
    assert.equal((await run('guest.define', of('web1'), 'webmaster@x')).name, 'web1');
    delete driver.nameIn;
    await assert.rejects(run('guest.define', of('web1'), 'webmaster@x'), code('not-permitted'));
    assert.equal((await run('guest.define', of('db'))).name, 'db');
    await stop();
  });
});

describe('guest shutdown', () => {
  it('asks, and is done when the guest is off', async () => {
    const { run, told, stop } = await stage([{ name: 'web', running: true }]);
    assert.equal((await run('guest.shutdown', { guest: 'web' })).state, 'shutoff');
    assert.deepEqual(told, ['asked to shut down']);
    assert.equal((await run('guest.shutdown', { guest: 'web' })).state, 'shutoff');
    await stop();
  });

  it('does not take a guest for off that runs by now', async () => {
    const { run, told, stop, world } = await stage([{ name: 'web' }, { name: 'on', running: true }]);
    // Nobody was told of this start.
    const { state, live } = world.named('on')!.record;
    Object.assign(world.named('web')!.record, { state, live });
    assert.equal((await run('guest.shutdown', { guest: 'web' })).state, 'shutoff');
    assert.deepEqual(told, ['asked to shut down']);
    await stop();
  });

  it('says that the guest did not, and forces nothing that was not asked for', async () => {
    const { run, stop, world } = await stage([{ name: 'web', running: true, hearsShutdown: false }]);
    await assert.rejects(
      run('guest.shutdown', { guest: 'web', waitS: 1 }),
      code('guest-not-stopped', { guest: 'web', state: 'running', waitedS: 1 }),
    );
    assert.equal(world.named('web')!.record.state, 'running');
    await stop();
  });

  it('forces it where that was asked for', async () => {
    const { run, told, stop } = await stage([{ name: 'web', running: true, hearsShutdown: false }]);
    const guest = await run('guest.shutdown', { guest: 'web', forceAfterS: 1 });
    assert.equal(guest.state, 'shutoff');
    assert.equal(guest.reason, 'destroyed');
    assert.equal(told.length, 2);
    await stop();
  });

  it('is done too when somebody else stops or removes the guest meanwhile', async () => {
    const { run, stop, world } = await stage([
      { name: 'web', running: true, hearsShutdown: false },
      { name: 'db', running: true, hearsShutdown: false },
    ]);
    const web = run('guest.shutdown', { guest: 'web' });
    const db = run('guest.shutdown', { guest: 'db' });
    await new Promise((resolve) => setImmediate(resolve));
    world.named('web')!.poweroff();
    world.named('db')!.poweroff();
    world.remove(world.named('db')!);
    assert.equal((await web).state, 'shutoff');
    assert.equal((await db).state, 'shutoff');
    await stop();
  });

  it('stops waiting when it is called off', async () => {
    const { run, stop } = await stage([{ name: 'web', running: true, hearsShutdown: false }]);
    const off = new AbortController();
    const asked = run('guest.shutdown', { guest: 'web' }, 'admin@x', { signal: off.signal });
    off.abort(new Failure('job-cancelled', { job: '1' }));
    await assert.rejects(asked, code('job-cancelled'));
    await stop();
  });

  it('refuses a paused guest, which cannot hear', async () => {
    const { run, stop } = await stage([{ name: 'web', running: true }]);
    await run('guest.suspend', { guest: 'web' });
    await assert.rejects(run('guest.shutdown', { guest: 'web' }), code('guest-wrong-state', { state: 'paused' }));
    await stop();
  });
});

describe('what a driver cannot do', () => {
  it('is not offered', async () => {
    const { driver, stop } = await stage([]);
    const withoutImages = supportedBy(driver, { kind: 'fake' }, true);
    assert.deepEqual(
      Object.keys(agentVerbs).filter((verb) => !withoutImages(verb)),
      ['guest.create'],
    );
    const supports = supportedBy(
      {
        ...driver,
        suspendGuest: undefined,
        openConsole: undefined,
      } as unknown as typeof driver,
      { kind: 'none' },
      false,
    );
    const missing = Object.keys(agentVerbs).filter((verb) => !supports(verb));
    assert.deepEqual(missing, [
      'guest.suspend',
      'guest.create',
      'console.list',
      'console.read',
      'console.watch',
      'console.send',
      'network.list',
      'network.examine',
      'network.leases',
      'router.list',
      'volume.list',
      'volume.info',
      'volume.export',
      'volume.unexport',
    ]);
    await stop();
  });
});

describe('verbs of jobs', () => {
  const job = (id: string, target: string, requester: string): Job => ({
    id,
    verb: 'guest.shutdown',
    target,
    state: 'running',
    progress: '',
    requester,
    startedAt: '2026-01-01T00:00:00Z',
  });
  const all = [job('1', 'web1', 'admin@x'), job('2', 'db', 'admin@x')];
  const cancelled: string[] = [];
  const handlers = jobHandlers({
    may,
    jobs: {
      find: (id: string) => all.find((each) => each.id === id),
      list: () => all,
      cancel: async (id: string) => {
        cancelled.push(id);
        return all[0]!;
      },
    } as unknown as Parameters<typeof jobHandlers>[0]['jobs'],
  });
  const by = (bareJid: string) => ({ requester: { bareJid, fullJid: `${bareJid}/1` } }) as Call;

  it('show the jobs of guests that one may see, and let those cancel who may do the verb', async () => {
    const limit = 20;
    assert.equal((await handlers['job.list']({ limit }, by('admin@x'))).length, 2);
    assert.deepEqual(
      (await handlers['job.list']({ limit }, by('viewer@x'))).map(({ id }) => id),
      ['1'],
    );
    await assert.rejects(handlers['job.info']({ job: '2' }, by('viewer@x')), code('job-not-found'));
    await assert.rejects(handlers['job.cancel']({ job: '1' }, by('viewer@x')), code('not-permitted'));
    await assert.rejects(handlers['job.cancel']({ job: '2' }, by('webmaster@x')), code('job-not-found'));
    await handlers['job.cancel']({ job: '1' }, by('webmaster@x'));
    assert.deepEqual(cancelled, ['1']);
  });
});
