import type { Hypervisor } from '../hypervisor.ts';
import { el } from '../xml.ts';
import { qemu } from './qemu.ts';
import { LIVE } from './settings.ts';

const ASK = { agent: [], plain: [] };

/** libvirt's own driver for tests, whose guests are records in libvirtd. */
export const test: Hypervisor = {
  shortForm: {
    types: ['test'],
    os: el('os', {}, el('type', {}, 'hvm')),
    parts: [],
    disks: qemu.shortForm.disks,
    takesImages: false,
    devices: () => [],
  },
  diskFolder: qemu.diskFolder,
  undefineFlags: ['--snapshots-metadata'],
  startsPaused: false,
  ask: { shutdown: ASK, reboot: ASK },
  addressSources: ['lease'],
  parameters: {},
  live: LIVE,
  factsIn: 'dominfo',
  nics: qemu.nics,
  console: 'none',
  hasDiskFiles: true,
  snapshots: 'anyhow',
};
