import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'mocha';
import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import { fakeDriver } from '#agent/drivers/fake/driver.ts';
import { type FakeGuestOptions, fakeWorld } from '#agent/drivers/fake/world.ts';
import { severalDrivers } from '#agent/drivers/several.ts';
import { supportedBy } from '#agent/verbs/supported.ts';
import { code, stageOn } from './stage.ts';

/** Virtual machines and zones on one host; zones are suspended by nobody, and have no agent inside. */
async function twoKinds(machines: readonly FakeGuestOptions[], zones: readonly FakeGuestOptions[], images?: string) {
  const vms = fakeWorld({ bootMs: 0, shutdownMs: 0, guests: machines });
  const cells = fakeWorld({ bootMs: 0, shutdownMs: 0, guests: zones });
  const {
    suspendGuest: _,
    pingGuestAgent: __,
    takeSnapshot: ___,
    ...lxc
  } = fakeDriver({ world: cells, host: 'here', ...(images ? { images } : {}) });
  const driver: HypervisorDriver = severalDrivers(
    new Map<string, HypervisorDriver>([
      ['libvirt', fakeDriver({ world: vms, host: 'here' })],
      ['lxc', lxc],
    ]),
    'here',
  );
  const made = await stageOn(driver);
  const settle = () => made.known.settled();
  const stop = async () => {
    await made.stop();
    for (const world of [vms, cells]) world.close();
  };
  return { ...made, vms, cells, settle, stop };
}

const kinds = (guests: unknown) =>
  (guests as { name: string; driver: string; state: string }[]).map(
    ({ name, driver, state }) => `${name} ${driver} ${state}`,
  );

describe('a host with several drivers', () => {
  it('lists the guests of all, each with what drives it, and acts on each by its own', async () => {
    const { run, stop, vms, cells } = await twoKinds([{ name: 'vm' }], [{ name: 'zone' }]);
    await run('guest.start', { guest: 'zone' });
    assert.deepEqual(kinds(await run('guest.list', {})), ['vm libvirt shutoff', 'zone lxc running']);
    assert.equal((await run('guest.info', { guest: 'zone' })).driver, 'lxc');
    assert.equal(vms.named('vm')?.record.state, 'shutoff');
    await run('guest.poweroff', { guest: 'zone' });
    assert.equal(cells.named('zone')?.record.state, 'shutoff');
    await stop();
  });

  it('offers what one of them can, and refuses it for a guest of another, naming what drives that', async () => {
    const { driver, run, stop, cells } = await twoKinds([{ name: 'vm' }], [{ name: 'zone', running: true }]);
    const supports = supportedBy(driver, { kind: 'fake' }, true);
    assert.ok(supports('guest.suspend') && supports('snapshot.take'));
    assert.equal(supports('guest.create'), false, 'no driver of it has images');
    const refused = code('verb-unsupported', { driver: 'lxc', host: 'here', verb: 'guest.suspend' });
    await assert.rejects(run('guest.suspend', { guest: 'zone' }), refused);
    assert.equal(cells.named('zone')?.record.state, 'running');
    await stop();
  });

  it('defines by the driver that is named, else by the first, and says which there are', async () => {
    const { run, stop } = await twoKinds([], []);
    assert.equal((await run('guest.define', { name: 'a' })).driver, 'libvirt');
    assert.equal((await run('guest.define', { name: 'b', driver: 'lxc' })).driver, 'lxc');
    await assert.rejects(run('guest.define', { name: 'c', driver: 'xen' }), (error: Error) =>
      /driver: there is no driver xen here; there is libvirt, lxc/.test(error.message),
    );
    await run('guest.define', { name: 'b', vcpus: 2, replace: true });
    assert.deepEqual(kinds(await run('guest.list', {})), ['a libvirt shutoff', 'b lxc shutoff']);
    for (const args of [{ name: 'b' }, { name: 'a', driver: 'lxc' }, { definition: '{"name":"b"}' }])
      await assert.rejects(run('guest.define', args), code('guest-exists'));
    await stop();
  });

  it('creates by the first that has images, unless another is named', async () => {
    const images = await mkdtemp(join(tmpdir(), 'skerry-images-'));
    await writeFile(join(images, 'debian.tar'), '');
    const { run, stop } = await twoKinds([], [], images);
    assert.equal((await run('guest.create', { name: 'a', image: 'debian.tar' })).driver, 'lxc');
    await assert.rejects(
      run('guest.create', { name: 'b', image: 'debian.tar', driver: 'libvirt' }),
      code('verb-unsupported', { driver: 'libvirt' }),
    );
    assert.equal((await run('guest.clone', { guest: 'a', name: 'c' })).driver, 'lxc');
    await stop();
    await rm(images, { recursive: true });
  });

  it('shows two guests of one name by two names, and lets go of that when one is gone', async () => {
    const { run, stop, known, vms, cells, settle } = await twoKinds(
      [{ name: 'web' }],
      [{ name: 'web' }, { name: 'db' }],
    );
    assert.deepEqual(kinds(await run('guest.list', {})), [
      'db lxc shutoff',
      'web libvirt shutoff',
      'web.lxc lxc shutoff',
    ]);
    await run('guest.start', { guest: 'web.lxc' });
    assert.equal(cells.named('web')?.record.state, 'running');
    assert.equal(vms.named('web')?.record.state, 'shutoff');
    const told: string[] = [];
    known.onChange(({ before, after }) => told.push(`${before?.name} to ${after?.name}`));
    await run('guest.delete', { guest: 'web' });
    await settle();
    assert.deepEqual(kinds(await run('guest.list', {})), ['db lxc shutoff', 'web lxc running']);
    assert.deepEqual(told, ['web to undefined', 'web.lxc to web']);
    vms.define({ ...cells.named('db')!.record.definition, id: '00000000-0000-4000-8000-00000000000a' });
    await settle();
    assert.deepEqual(kinds(await run('guest.list', {})), [
      'db libvirt shutoff',
      'db.lxc lxc shutoff',
      'web lxc running',
    ]);
    await stop();
  });

  it('goes on with the guests of one while the hypervisor of another is away, and says which', async () => {
    const { run, stop, known, vms, cells } = await twoKinds([{ name: 'vm' }], [{ name: 'zone' }]);
    vms.goAway('gone to lunch');
    await new Promise(setImmediate);
    assert.equal(known.state, 'degraded');
    assert.match(known.problem ?? '', /^libvirt: .*gone to lunch/);
    await run('guest.start', { guest: 'zone' });
    cells.named('zone')?.poweroff();
    assert.equal((await run('guest.info', { guest: 'zone' })).state, 'shutoff', 'its events are heard');
    await assert.rejects(run('guest.start', { guest: 'vm' }), code('host-unreachable'));
    vms.comeBack();
    await stop();
  });

  it('says which are silent, and tells of each that falls silent', async () => {
    const { stop, known, vms, cells } = await twoKinds([{ name: 'vm' }], [{ name: 'zone' }]);
    const told: string[] = [];
    known.onState((state) => void told.push([state, ...(known.silent ?? [])].join(' ')));
    vms.goAway();
    await new Promise(setImmediate);
    cells.goAway();
    await new Promise(setImmediate);
    assert.deepEqual(told, ['degraded libvirt', 'degraded libvirt lxc']);
    await stop();
  });

  it('does not say which are silent before each has answered: nothing is said of guests then', async () => {
    const { driver, stop, vms } = await twoKinds([{ name: 'vm' }], [{ name: 'zone' }]);
    vms.goAway();
    const { known, stop: stopAnew } = await stageOn(driver);
    assert.deepEqual([known.state, known.silent, known.host], ['degraded', undefined, undefined]);
    await stopAnew();
    await stop();
  });

  it('ends all watches when one breaks, also one that begins only then, and one that does not end well', async () => {
    const stopped: string[] = [];
    const driver = (name: string, watch: HypervisorDriver['watch']) =>
      [name, { ...fakeDriver({ world: fakeWorld({}) }), watch }] as const;
    const several = severalDrivers(
      new Map([
        driver('libvirt', async (_, onBreak) => {
          onBreak(new Error('it broke'));
          return { stop: async () => void stopped.push('libvirt') };
        }),
        driver('lxc', async () => ({ stop: async () => void stopped.push('lxc') })),
      ]),
      'here',
    );
    const broken = Promise.withResolvers<Error>();
    await several.watch(() => {}, broken.resolve, AbortSignal.timeout(5_000));
    assert.equal((await broken.promise).message, 'it broke');
    assert.deepEqual(stopped, ['libvirt', 'lxc']);
  });

  it('tells nothing before all were read', async () => {
    const vms = fakeWorld({ guests: [{ name: 'vm' }] });
    vms.goAway();
    const driver = severalDrivers(
      new Map([
        ['libvirt', fakeDriver({ world: vms })],
        ['lxc', fakeDriver({ world: fakeWorld({ guests: [{ name: 'zone' }] }) })],
      ]),
      'here',
    );
    const { known, stop } = await stageOn(driver);
    assert.throws(() => known.guests(), code('host-unreachable'));
    assert.equal(known.host, undefined);
    assert.equal(known.guest('zone').driver, 'lxc');
    assert.throws(() => known.guest('vm'), code('host-unreachable'));
    await stop();
  });
});

describe('verbs that make guests, and keep them', () => {
  it('take a job that goes on after a restart for done where it is done', async () => {
    const { run, stop } = await twoKinds([{ name: 'vm' }], []);
    const made = await run('guest.clone', { guest: 'vm', name: 'vm2' });
    await assert.rejects(run('guest.clone', { guest: 'vm', name: 'vm2' }), code('guest-exists'));
    const again = await run('guest.clone', { guest: 'vm', name: 'vm2' }, 'admin@x', { resumed: true });
    assert.equal(again.uuid, made.uuid);
    await run('snapshot.take', { guest: 'vm', name: 's' });
    await assert.rejects(run('snapshot.take', { guest: 'vm', name: 's' }), code('snapshot-exists'));
    await run('snapshot.take', { guest: 'vm', name: 's' }, 'admin@x', { resumed: true });
    await run('snapshot.delete', { guest: 'vm', name: 's' });
    await assert.rejects(run('snapshot.delete', { guest: 'vm', name: 's' }), code('snapshot-not-found'));
    await run('snapshot.delete', { guest: 'vm', name: 's' }, 'admin@x', { resumed: true });
    assert.deepEqual(await run('snapshot.list', { guest: 'vm' }), []);
    await stop();
  });

  it('make one guest of a name at a time', async () => {
    const { run, stop } = await twoKinds([{ name: 'vm' }], []);
    const [one, other] = await Promise.allSettled([1, 2].map(() => run('guest.clone', { guest: 'vm', name: 'vm2' })));
    assert.equal(one?.status, 'fulfilled');
    assert.ok(other?.status === 'rejected' && code('too-busy')(other.reason));
    await stop();
  });

  it('hold whoever may use some guests only to those, also by the names they give', async () => {
    const { run, stop } = await twoKinds([{ name: 'web' }], []);
    await assert.rejects(run('guest.clone', { guest: 'web', name: 'db' }, 'webmaster@x'), code('not-permitted'));
    assert.equal((await run('guest.clone', { guest: 'web', name: 'web2' }, 'webmaster@x')).name, 'web2');
    await stop();
  });

  it('run programs, and tell how they ended', async () => {
    const { run, stop } = await twoKinds([{ name: 'vm', running: true }], []);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const ended = await run('guest.exec', { guest: 'vm', command: ['ls', '/x'] });
    assert.deepEqual(ended, {
      ...{ guest: 'vm', ended: 'exit code 1', exitCode: 1, cut: false },
      ...{ stdout: '', stderr: 'ls: /x: No such file or directory\n' },
    });
    await run('guest.poweroff', { guest: 'vm' });
    await assert.rejects(run('guest.exec', { guest: 'vm', command: ['true'] }), code('guest-wrong-state'));
    await stop();
  });
});
