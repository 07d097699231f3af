import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { after, afterEach, before, describe, it } from 'mocha';
import { pino } from 'pino';
import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import { libvirtDriver } from '#agent/drivers/libvirt/driver.ts';
import { type LibvirtDaemon, startLibvirtDaemon } from './libvirt-daemon.ts';
import { bootIn, GUEST_BOOT_MS_MAX, GUEST_CONSOLE, qemuDefinition } from './qemu-guest.ts';
import { failure, settled, witness } from './scene.ts';

const log = pino({ level: process.env.SKERRY_TEST_LOG ?? 'silent' });
const call = () => AbortSignal.timeout(30_000);

describe('libvirt in trouble', () => {
  let daemon: LibvirtDaemon;
  let driver: HypervisorDriver;
  let stateFolder: string;
  let definition: ReturnType<typeof qemuDefinition>;
  let ids: string[] = [];

  before(async function () {
    this.timeout(120_000);
    daemon = await startLibvirtDaemon();
    stateFolder = await mkdtemp(join(tmpdir(), 'skerry-state-'));
    const boot = await bootIn(daemon.folder);
    definition = qemuDefinition(boot, (name) => join(daemon.folder, 'data', `${name}.log`));
    driver = await libvirtDriver({ uri: daemon.uri('qemu'), log, stateFolder, host: 'host1' });
  });
  afterEach(async () => {
    for (const id of ids) {
      await daemon.virsh('qemu', 'destroy', id).catch(() => {});
      await daemon.virsh('qemu', 'undefine', id).catch(() => {});
    }
    ids = [];
  });
  after(async () => {
    await driver.close();
    await daemon.close();
    await rm(stateFolder, { recursive: true });
  });

  const define = async (name: string, edit = (xml: string) => xml) => {
    const guest = await driver.defineGuest(edit(definition({ name })), { replace: false }, call());
    ids.push(guest.id);
    return guest;
  };
  const running = async (name: string, edit?: (xml: string) => string) => {
    const guest = await define(name, edit);
    await driver.startGuest(guest.id, { paused: false }, call());
    return guest;
  };
  /** The process of a guest. */
  const qemuOf = async (name: string): Promise<number> => {
    for (const pid of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))) {
      const line = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '');
      if (line.includes(`guest=${name},`) && line.includes(daemon.folder)) return Number(pid);
    }
    return assert.fail(`no QEMU of ${name}`);
  };

  it('tells at once of a QEMU that was killed, and why the guest is off', async () => {
    const guest = await running('killed');
    const watch = await witness(driver);
    process.kill(await qemuOf('killed'), 'SIGKILL');
    const event = await watch.sees('crashed', ({ name, what }) => name === 'killed' && what === 'crashed');
    assert.equal(event.state, 'shutoff');
    await watch.stop();
    const now = await driver.readGuest(guest.id, call());
    assert.deepEqual([now.state, now.reason], ['shutoff', 'crashed']);
  });

  it('answers for all guests while one QEMU hangs', async () => {
    const hung = await running('hung');
    const other = await define('other');
    const pid = await qemuOf('hung');
    process.kill(pid, 'SIGSTOP');
    try {
      // Less than libvirt itself waits for a QEMU that hangs, 30 s.
      const limit = AbortSignal.timeout(20_000);
      assert.equal((await driver.readGuest(hung.id, limit)).state, 'running');
      assert.deepEqual((await driver.listGuests(limit)).map(({ name }) => name).sort(), ['hung', 'other']);
      const waits = assert.rejects(driver.suspendGuest?.(hung.id, AbortSignal.timeout(500)) ?? Promise.resolve());
      assert.deepEqual(await driver.readGuest(other.id, limit), other);
      assert.match(await driver.readDefinition(hung.id, limit), /<name>hung</);
      await waits;
      assert.deepEqual((await driver.readStats(hung.id, call())).state, 'running');
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  });

  it('stops waiting for a libvirtd that hangs, and goes on when it does', async () => {
    const guest = await define('patient');
    const pid = await daemon.pid();
    process.kill(pid, 'SIGSTOP');
    try {
      await assert.rejects(driver.readGuest(guest.id, AbortSignal.timeout(300)), { name: 'TimeoutError' });
      await assert.rejects(driver.startGuest(guest.id, { paused: false }, AbortSignal.timeout(300)), {
        name: 'TimeoutError',
      });
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    assert.equal((await driver.readGuest(guest.id, call())).name, 'patient');
  });

  it('keeps secrets and what it does not know when it sets one thing', async () => {
    const extra = `<graphics type='vnc' port='-1' passwd='s3cret'/></devices><metadata><r:rack xmlns:r='urn:example:r' row='7'/></metadata>`;
    const guest = await define('rich', (xml) => xml.replace('</devices>', extra));
    await driver.setGuest(guest.id, { title: 'Set', memoryMiB: 96 }, call());
    const kept = await daemon.virsh('qemu', 'dumpxml', '--security-info', guest.id);
    assert.match(kept, /passwd='s3cret'/);
    assert.match(kept, /<r:rack xmlns:r="urn:example:r" row="7"\/>/);
    assert.match(kept, /<title>Set</);
    assert.doesNotMatch(await driver.readDefinition(guest.id, call()), /s3cret/);
  });

  it('lets go of terminals, and is not held up by one that nobody reads', async function () {
    this.timeout(GUEST_BOOT_MS_MAX + 60_000);
    const guest = await running('talker');
    const limit = AbortSignal.timeout(GUEST_BOOT_MS_MAX);
    const open = async () => (await driver.openConsole?.(guest.id, limit)) ?? assert.fail('no console');
    const terminals = async () => {
      const links = (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ''));
      return (await Promise.all(links)).filter((link) => link.startsWith('/dev/pts/')).length;
    };
    const before = await terminals();
    for (let round = 0; round < 5; round++) {
      const port = await open();
      port.onData(() => {});
      assert.ok((await terminals()) > before);
      await port.close();
    }
    assert.equal(await terminals(), before);
    await driver.suspendGuest?.(guest.id, limit);
    const port = await open();
    const typed = port.write(new Uint8Array(200_000).fill(0x61)).then(
      () => 'taken',
      (error: Error) => error.message,
    );
    const ticked = pause(50).then(() => 'ticked');
    assert.equal(await Promise.race([typed, ticked]), 'ticked', 'the event loop goes on');
    await driver.poweroffGuest(guest.id, limit);
    assert.notEqual(await typed, 'taken');
    await port.close();
    assert.equal(await terminals(), before);
  });

  it('opens a console that is a UNIX socket', async function () {
    this.timeout(GUEST_BOOT_MS_MAX + 60_000);
    const path = join(daemon.folder, 'run', 'serial.sock');
    const guest = await running('socket', (xml) =>
      xml.replace(/<serial type="pty">/, `<serial type='unix'><source mode='bind' path='${path}'/>`),
    );
    const limit = AbortSignal.timeout(GUEST_BOOT_MS_MAX);
    const port = (await driver.openConsole?.(guest.id, limit)) ?? assert.fail('no console');
    const shown = Promise.withResolvers<void>();
    const over = Promise.withResolvers<void>();
    let text = '';
    port.onEnd(over.resolve);
    port.onData((chunk) => {
      text += Buffer.from(chunk).toString('latin1');
      if (text.includes(GUEST_CONSOLE.up)) shown.resolve();
    });
    await settled(shown.promise, limit, () => `read: ${text}`);
    await driver.poweroffGuest(guest.id, limit);
    await settled(over.promise, limit, () => 'waited for the end');
    await port.close();
  });

  it('says that a guest has no console', async () => {
    const guest = await running('mute', (xml) => xml.replace(/<serial .*?<\/serial>/s, ''));
    await assert.rejects(driver.openConsole?.(guest.id, call()) ?? Promise.resolve(), failure('console-missing'));
  });

  it('is made where no libvirt is, and says so when it is asked', async () => {
    const uri = 'qemu+unix:///session?socket=/nonexistent/libvirt-sock';
    const lonely = await libvirtDriver({ uri, log, stateFolder, host: 'host9' });
    try {
      await assert.rejects(lonely.listGuests(call()), (error: Error) => {
        assert.match(error.message, /host9 cannot be reached: .*No such file/);
        return failure('host-unreachable')(error);
      });
      await assert.rejects(
        lonely.watch(
          () => {},
          () => {},
          call(),
        ),
        failure('host-unreachable'),
      );
      const [finding] = (await lonely.examine?.(call())) ?? [];
      assert.equal(finding?.verdict, 'wrong');
    } finally {
      await lonely.close();
    }
  });
});
