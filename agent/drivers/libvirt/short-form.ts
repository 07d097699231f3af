import { Failure } from '#shared/errors.ts';
import type { GuestForm } from '#shared/model/guest.ts';
import { disksOf, nicOf } from './device-specs.ts';
import type { Hypervisor } from './uri.ts';
import { documentOf, el, type Sketch, xmlText } from './xml.ts';

/** What the short form leaves to the host. */
export interface FormGround {
  hypervisor: Hypervisor;
  /** Domain types that the host's capabilities offer; undefined while they are not known. */
  domainTypes: ReadonlySet<string> | undefined;
  /** Where QEMU writes what the guest says on its serial console. */
  consoleFolder: string;
}

/**
 * The definition that the short form means.
 *
 * @throws Failure guest-definition, host-unreachable while it is not known whether the host has KVM
 * Source: https://libvirt.org/formatdomain.html
 */
export function definitionOfForm(form: GuestForm, { hypervisor, domainTypes, consoleFolder }: FormGround): string {
  const { shortForm } = hypervisor;
  if (!shortForm) {
    throw new Failure('guest-definition', {
      problem: 'this hypervisor has no short form; give the definition as XML',
    });
  }
  if (shortForm.typeBest !== undefined && domainTypes === undefined) {
    throw new Failure('host-unreachable', { problem: 'its capabilities are not known yet' });
  }
  const best = shortForm.typeBest;
  const devices = [...disksOf(form.disks), ...form.nics.map(nicOf)];
  const domain = el(
    'domain',
    { type: best !== undefined && domainTypes?.has(best) ? best : shortForm.type },
    el('name', {}, form.name),
    ...optional('title', form.title),
    el('memory', { unit: 'MiB' }, String(form.memoryMiB)),
    el('vcpu', {}, String(form.vcpus)),
    el(
      'os',
      {},
      el('type', { machine: shortForm.machine }, shortForm.osType),
      ...optional('kernel', form.kernel),
      ...optional('initrd', form.ramdisk),
      ...optional('cmdline', form.cmdline),
    ),
    ...(shortForm.devices ? QEMU_FEATURES : []),
    el('devices', {}, ...devices, ...(shortForm.devices ? qemuDevices(form.name, consoleFolder, devices.length) : [])),
  );
  return xmlText(documentOf(domain));
}

const optional = (name: string, text: string | undefined): Sketch[] => (text ? [el(name, {}, text)] : []);

/** A guest whose kernel has died starts again, as machines in racks do; one that was told to go off stays off. */
const QEMU_FEATURES: readonly Sketch[] = [
  el('features', {}, el('acpi'), el('apic')),
  el('clock', { offset: 'utc' }),
  el('on_poweroff', {}, 'destroy'),
  el('on_reboot', {}, 'restart'),
  el('on_crash', {}, 'restart'),
];

const BALLOON_PERIOD_S = '10';

/**
 * Root ports for so many devices, and a few to spare: a machine q35 takes a device while it runs only where a port is free, and libvirt
 * makes no more than it needs.
 */
export const rootPorts = (devices: number): Sketch[] => [
  el('controller', { type: 'pci', index: '0', model: 'pcie-root' }),
  ...Array.from({ length: devices + SPARE_PORTS }, () => el('controller', { type: 'pci', model: 'pcie-root-port' })),
];
const SPARE_PORTS = 4;
/** Channel, balloon and random numbers. */
const QEMU_PCI_DEVICES = 3;

const qemuDevices = (name: string, consoleFolder: string, others: number): Sketch[] => [
  ...rootPorts(others + QEMU_PCI_DEVICES),
  el('controller', { type: 'usb', model: 'none' }),
  el(
    'serial',
    { type: 'pty' },
    el('log', { file: `${consoleFolder}/${name}-console.log`, append: 'on' }),
    el('target', { port: '0' }),
  ),
  el('channel', { type: 'unix' }, el('target', { type: 'virtio', name: 'org.qemu.guest_agent.0' })),
  el('memballoon', { model: 'virtio' }, el('stats', { period: BALLOON_PERIOD_S })),
  el('rng', { model: 'virtio' }, el('backend', { model: 'random' }, '/dev/urandom')),
];
