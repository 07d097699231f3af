import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, it } from 'mocha';
import { buildPackages } from '#provisioning/debian/build.ts';
import { DEBIAN_PACKAGES } from '#provisioning/debian/packages.ts';
import { buildGuest, GUEST_MARKER } from '#provisioning/guest/build.ts';
import { bootMachine, type DebianMachine } from './support/debian-machine.ts';
import { debianRoot } from './support/debian-root.ts';
import { until } from './support/until.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const NODE = '/usr/lib/skerry/node_modules/.bin/node';
const GUESTS = '/var/lib/skerry-guest';
const GUEST_MS_MAX = 120_000;
/** A container has no devices and control groups to give on. */
const QEMU_CONF = `security_driver = "none"
namespaces = [ ]
cgroup_controllers = [ ]
`;

describe('a site of one machine, from Debian packages', function () {
  this.timeout(400_000);
  let folder: string;
  let machine: DebianMachine;
  const skerry = (...words: string[]) => machine.run(['skerry', ...words]);

  before(async function () {
    if (process.getuid?.() !== 0) this.skip();
    folder = await mkdtemp(join(tmpdir(), 'skerry-packages-'));
    const image = await buildGuest(join(ROOT, '.cache'), () => {});
    await buildPackages({ root: ROOT, out: folder, version: '0.0.1', compression: 'none' });
    machine = await bootMachine(await debianRoot('bookworm'), {
      '/packages': folder,
      '/guest': dirname(image.kernel),
      // Whoever chats there is no part of the packages.
      '/clone': ROOT,
    });
    await machine.run(['install', '-D', '-m', '0644', '-t', GUESTS, '/guest/vmlinux', '/guest/initrd']);
    await machine.run(['sh', '-c', 'cat >/etc/libvirt/qemu.conf && systemctl restart libvirtd'], QEMU_CONF);
  });
  after(async () => {
    await machine?.stop();
    if (folder) await rm(folder, { recursive: true });
  });

  it('has server, central and host after one line', async () => {
    const files = (await readdir(folder)).filter((name) => name.endsWith('.deb'));
    await machine.run(['dpkg', '-i', ...files.map((name) => `/packages/${name}`)]);
    const told = ['--domain', 'example.org', '--admin', 'ada@example.org', '--host-name', 'one'];
    await skerry('install', 'all-in-one', ...told);
    assert.equal(await skerry('install', 'all-in-one'), '');
    const isUp = async () => /^State: +up$/m.test(await skerry('host', 'info', 'one').catch(() => '')) || undefined;
    await until('its host is up', isUp, GUEST_MS_MAX);
  });

  it('starts a guest whose administrator chats with central', async () => {
    const image = [`kernel=${GUESTS}/vmlinux`, `ramdisk=${GUESTS}/initrd`];
    const cmdline = 'cmdline=console=ttyS0 quiet panic=-1';
    await skerry('guest', 'define', 'tiny', 'host=one', 'memoryMiB=112', ...image, cmdline);
    const chat = [NODE, '/clone/test/vagrant/chat.ts', '/etc/skerry/site.yaml'] as const;
    const answer = await machine.run([...chat, 'guest start tiny', 'tiny · running|failed|not']);
    assert.match(answer, /tiny · running/);
    const marked = async () => (await skerry('console', 'read', 'tiny')).includes(GUEST_MARKER) || undefined;
    await until('it says that it is up', marked, GUEST_MS_MAX);
    assert.match(await machine.run(['virsh', '-c', 'qemu:///system', 'list', '--name']), /^tiny$/m);
  });

  it('loses it again, and then all of Skerry', async () => {
    await skerry('guest', 'poweroff', 'tiny', '--yes');
    await skerry('guest', 'delete', 'tiny', '--yes');
    assert.doesNotMatch(await machine.run(['virsh', '-c', 'qemu:///system', 'list', '--all', '--name']), /tiny/);
    await skerry('install', 'all-in-one', '--remove', '--purge');
    await machine.run(['dpkg', '--purge', ...DEBIAN_PACKAGES.map(({ name }) => name).reverse()]);
    assert.notEqual(await machine.exitCode(['test', '-e', '/usr/lib/skerry']), 0);
    assert.equal((await machine.run(['systemctl', 'is-active', 'ejabberd'])).trim(), 'active');
  });
});
