import type { Hypervisor } from '../hypervisor.ts';
import { el, type Sketch } from '../xml.ts';
import { LIVE, MACHINE } from './settings.ts';

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
const PCI_DEVICES = 3;

/** Serial console, guest agent, random numbers and balloon. */
const devices: Hypervisor['shortForm']['devices'] = ({ name, consoleFolder, others }) => [
  ...rootPorts(others + PCI_DEVICES),
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

const ASK = { agent: ['agent', 'acpi'], plain: ['acpi'] };

/** QEMU, with KVM where the host has it. */
export const qemu: Hypervisor = {
  shortForm: {
    types: ['kvm', 'qemu'],
    os: el('os', {}, el('type', { machine: 'q35' }, 'hvm')),
    parts: MACHINE,
    disks: { virtio: 'vd', scsi: 'sd', sata: 'sd' },
    takesImages: true,
    devices,
  },
  diskFolder: '/var/lib/libvirt/images',
  consoleFolder: '/var/log/libvirt/qemu',
  undefineFlags: ['--managed-save', '--snapshots-metadata', '--checkpoints-metadata', '--nvram'],
  startsPaused: true,
  ask: { shutdown: ASK, reboot: ASK },
  hasAgent: true,
  runsPrograms: 'agent',
  addressSources: ['agent', 'lease'],
  parameters: { fwCfg: true },
  live: LIVE,
  factsIn: 'dominfo',
  nics: { model: 'virtio', models: ['virtio', 'e1000e', 'rtl8139'], moves: 'changed' },
  console: 'kept',
  hasDiskFiles: true,
  migrates: true,
  snapshots: 'in disks',
};
