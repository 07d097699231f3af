import assert from 'node:assert/strict';
import { chmod, copyFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootPorts } from '#agent/drivers/libvirt/hypervisors/qemu.ts';
import { documentOf, el, xmlText } from '#agent/drivers/libvirt/xml.ts';
import { buildGuest, GUEST_MARKER } from '#provisioning/guest/build.ts';
import { parameterOf } from '#shared/model/boot-parameter.ts';
import type { DriverHarness, GuestWanted } from './driver-harness.ts';

/** A kernel and a first root that any user may read. */
export interface Boot {
  kernel: string;
  initrd: string;
}

/** The tiny guest's own files, made once for all tests of this machine, as copies in that folder. */
export async function bootIn(folder: string): Promise<Boot> {
  const image = await buildGuest(join(tmpdir(), 'skerry-guest-cache'));
  const boot = { kernel: join(folder, 'vmlinux'), initrd: join(folder, 'initrd') };
  await Promise.all([copyFile(image.kernel, boot.kernel), copyFile(image.initrd, boot.initrd)]);
  await Promise.all(Object.values(boot).map((file) => chmod(file, 0o644)));
  return boot;
}

/** What the tiny guest shows and takes on its console. */
export const GUEST_CONSOLE: NonNullable<DriverHarness['console']> = {
  up: GUEST_MARKER,
  type: '\recho $((40 + 2))-answered\r',
  shows: '42-answered',
};

const FILES = '/sys/firmware/qemu_fw_cfg/by_name/opt/org.skerry';
const OWN = 'console=ttyS0 panic=-1 quiet';
/** Files and command line in base64, since a console may break lines and change bytes. What is in a file has to be a word as well. */
export const GUEST_PARAMETERS: NonNullable<DriverHarness['parametersInside']> = {
  type: `\rfor f in $(ls ${FILES}); do echo "<$f $(base64 -w0 ${FILES}/$f/raw)>"; done; echo "<@ $(base64 -w0 /proc/cmdline)>"; echo end-$((40 + 2))\r`,
  end: 'end-42',
  read: (shown) => {
    const told = new Map(
      [...shown.replace(/[\r\n]/g, '').matchAll(/<([\w.@]+) ([\w+/=]+)>/g)].map(([, name = '', text = '']) => [
        name,
        Buffer.from(text, 'base64').toString().trim(),
      ]),
    );
    const line = told.get('@') ?? '';
    told.delete('@');
    assert.ok(line.startsWith(`${OWN} `), `the own command line is kept: ${line}`);
    const words = line.slice(OWN.length + 1).match(/[\w.]+=("[^"]*"|\S+)/g) ?? [];
    const params = words.map((word) => parameterOf(word.replaceAll('"', '')));
    for (const [name, value] of told) assert.equal(params.find((each) => each.name === name)?.value, value);
    for (const { name, value } of params) assert.equal(told.has(name), !/[,<>&']/.test(value), name);
    return params;
  },
};

/** Emulated, it boots within two seconds on a free machine. */
export const GUEST_BOOT_MS_MAX = 60_000;

/** A guest that boots in QEMU without KVM. */
export const qemuDefinition = (boot: Boot, log: (name: string) => string) => (wanted: GuestWanted) => {
  const { name, memoryMiB = 112, vcpus = 1, title } = wanted;
  return xmlText(
    documentOf(
      el(
        'domain',
        { type: 'qemu' },
        el('name', {}, name),
        ...(title === undefined ? [] : [el('title', {}, title)]),
        el('memory', { unit: 'MiB' }, String(memoryMiB)),
        el('vcpu', {}, String(vcpus)),
        el(
          'os',
          {},
          el('type', { arch: 'x86_64', machine: 'q35' }, 'hvm'),
          el('kernel', {}, boot.kernel),
          el('initrd', {}, boot.initrd),
          el('cmdline', {}, OWN),
        ),
        el('features', {}, el('acpi')),
        el('cpu', { mode: 'custom', match: 'exact' }, el('model', { fallback: 'forbid' }, 'qemu64')),
        el(
          'devices',
          {},
          el('controller', { type: 'usb', model: 'none' }),
          ...rootPorts(4),
          el('serial', { type: 'pty' }, el('log', { file: log(name), append: 'on' }), el('target', { port: '0' })),
          el('channel', { type: 'unix' }, el('target', { type: 'virtio', name: 'org.qemu.guest_agent.0' })),
          el('memballoon', { model: 'virtio' }, el('stats', { period: '2' })),
          el('rng', { model: 'virtio' }, el('backend', { model: 'random' }, '/dev/urandom')),
        ),
      ),
    ),
  );
};
