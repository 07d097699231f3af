import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { pino } from 'pino';
import type { HypervisorDriver } from '#agent/drivers/driver.ts';
import { libvirtDriver } from '#agent/drivers/libvirt/driver.ts';
import { definitionOfForm } from '#agent/drivers/libvirt/short-form.ts';
import { hypervisorOf } from '#agent/drivers/libvirt/uri.ts';
import { lacksOf } from '#agent/verbs/supported.ts';
import { Failure } from '#shared/errors.ts';
import { GuestForm } from '#shared/model/guest.ts';

const form = (more: object = {}): GuestForm => GuestForm.parse({ name: 'web1', vcpus: 2, memoryMiB: 256, ...more });
const define = (uri: string, more: object = {}): string =>
  definitionOfForm(form(more), {
    hypervisor: hypervisorOf(uri),
    domainTypes: undefined,
    consoleFolder: '/var/log/consoles',
    diskFolder: '/srv/roots',
  });
const refused = (pattern: RegExp) => (error: unknown) =>
  error instanceof Failure && error.code === 'guest-definition' && pattern.test(error.message);

describe('agent/drivers/libvirt: what a kind of hypervisor lacks is not there', () => {
  let folder = '';
  const drivers = new Map<string, HypervisorDriver>();

  before(async function () {
    this.timeout(60_000);
    folder = await mkdtemp(join(tmpdir(), 'skerry-kinds-'));
    const log = pino({ level: 'silent' });
    for (const kind of ['qemu', 'lxc', 'xen', 'test']) {
      const uri = `${kind}+unix:///system?socket=${folder}/nobody-listens`;
      drivers.set(kind, await libvirtDriver({ uri, log, stateFolder: folder, images: folder }));
    }
  });
  after(async () => {
    await Promise.all([...drivers.values()].map((driver) => driver.close()));
    await rm(folder, { recursive: true });
  });

  const SNAPSHOTS = ['snapshot.list', 'snapshot.take', 'snapshot.revert', 'snapshot.delete'];
  const MOVES = ['guest.offer', 'guest.await', 'guest.migrate', 'guest.land', 'guest.recall'];
  const CONSOLE = ['console.list', 'console.read', 'console.watch', 'console.send'];
  for (const [kind, lacks] of Object.entries({
    qemu: [],
    lxc: ['guest.create', 'guest.clone', ...MOVES, ...SNAPSHOTS],
    xen: ['guest.exec', ...MOVES, ...SNAPSHOTS],
    test: ['guest.exec', 'guest.create', ...MOVES, ...CONSOLE],
  }))
    it(`${kind}: ${lacks.length === 0 ? 'nothing' : lacks.join(', ')}`, () => {
      const driver = drivers.get(kind) ?? assert.fail();
      assert.deepEqual(lacksOf(driver).libvirt, lacks);
    });

  it('has a guest agent under QEMU alone, and logs of consoles too', () => {
    for (const [kind, driver] of drivers) {
      assert.equal(driver.pingGuestAgent !== undefined, kind === 'qemu', kind);
      assert.equal(driver.readConsoleLog !== undefined, kind === 'qemu', kind);
    }
    assert.equal(drivers.get('xen')?.readAddresses, undefined);
  });
});

describe('agent/drivers/libvirt: containers from the short form', () => {
  const lxc = (more: object = {}) => define('lxc:///system', more);

  it('have a root, a network of their own, and their share of time', () => {
    const text = lxc({ disks: ['/srv/web1'], title: 'Post & office' });
    assert.match(text, /^<domain type="lxc"><name>web1<\/name><title>Post &amp; office<\/title>/);
    assert.match(text, /<os><type>exe<\/type><init>\/sbin\/init<\/init><\/os>/);
    assert.match(text, /<source dir="\/srv\/web1"\/><target dir="\/"\/>/);
    assert.match(text, /<features><privnet\/>/);
    assert.match(text, /<cputune><period>100000<\/period><quota>200000<\/quota><\/cputune>/);
    assert.doesNotMatch(text, /<disk|acpi|virtio/);
  });

  it('have a folder of their name as root where none is given, and take others beside', () => {
    assert.match(lxc(), /<source dir="\/srv\/roots\/web1"\/><target dir="\/"\/>/);
    const text = lxc({ disks: ['/data,target=/srv,readonly', '/root'] });
    assert.match(text, /<source dir="\/data"\/><target dir="\/srv"\/><readonly\/>/);
    assert.match(text, /<source dir="\/root"\/><target dir="\/"\/>/);
  });

  it('have interfaces that are of no model', () => {
    const text = lxc({ nics: ['bridge=br0,mac=52:54:00:00:00:01,target=sk1,mtu=1450'] });
    assert.match(text, /<interface type="bridge">.*<target dev="sk1"\/><mtu size="1450"\/><\/interface>/);
    assert.throws(() => lxc({ nics: ['bridge=br0,model=virtio'] }), refused(/no option "model"/));
  });

  it('say what cannot be', () => {
    const bad: [object, RegExp][] = [
      [{ kernel: '/boot/k' }, /kernel of its host/],
      [{ cmdline: 'quiet' }, /kernel of its host/],
      [{ disks: ['root'] }, /the path must begin with \//],
      [{ disks: ['/a', '/b'] }, /it has a root already/],
      [{ disks: ['/a,target=/srv'] }, /none of its disks is its root/],
      [{ disks: ['/a,target=srv'] }, /the target must begin with \//],
      [{ disks: ['/a,format=raw'] }, /no option "format"/],
    ];
    for (const [more, pattern] of bad) assert.throws(() => lxc(more), refused(pattern), JSON.stringify(more));
  });
});

describe('agent/drivers/libvirt: guests of Xen from the short form', () => {
  const xen = (more: object = {}) => define('xen:///system', more);

  it('are PVH where the host boots their kernel, and machines with firmware where not', () => {
    const text = xen({ kernel: '/boot/netbsd', cmdline: 'root=xbd0' });
    assert.match(text, /^<domain type="xen">/);
    assert.match(text, /<os><type machine="xenpvh">xenpvh<\/type><kernel>\/boot\/netbsd<\/kernel>/);
    assert.match(xen(), /<os><type machine="xenfv">hvm<\/type><\/os>/);
    assert.doesNotMatch(xen(), /virtio|cputune|privnet/);
  });

  it('have disks and interfaces of Xen', () => {
    const text = xen({ disks: ['/srv/root.img,readonly', '/srv/local.qcow2'], nics: ['bridge=br0'] });
    assert.match(text, /<driver name="qemu" type="raw"\/>.*<target dev="xvda" bus="xen"\/><readonly\/>/);
    assert.match(text, /<driver name="qemu" type="qcow2"\/>.*<target dev="xvdb" bus="xen"\/>/);
    assert.match(text, /<source bridge="br0"\/><model type="netfront"\/>/);
    assert.match(text, /<console type="pty"><target type="xen" port="0"\/><\/console>/);
    assert.throws(() => xen({ disks: ['/a,bus=virtio'] }), refused(/bus is one of xen, not "virtio"/));
    assert.throws(() => xen({ nics: ['bridge=br0,model=virtio'] }), refused(/model is one of netfront/));
  });
});
