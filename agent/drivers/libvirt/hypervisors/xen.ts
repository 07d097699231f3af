import type { Hypervisor } from '../hypervisor.ts';
import { el } from '../xml.ts';
import { LIVE, MACHINE } from './settings.ts';

/**
 * Xen by libxl.
 *
 * A guest whose kernel the host boots is PVH, and else a whole machine with firmware; PV is given as XML. What it shows goes to
 * xenconsoled, which libvirt gives a terminal of.
 * Source: https://libvirt.org/drvxen.html, https://libvirt.org/formatdomain.html
 */
export const xen: Hypervisor = {
  shortForm: {
    types: ['xen'],
    os: el('os', {}, el('type', { machine: 'xenfv' }, 'hvm')),
    osOfKernel: el('os', {}, el('type', { machine: 'xenpvh' }, 'xenpvh')),
    parts: MACHINE,
    disks: { xen: 'xvd' },
    takesImages: true,
    devices: () => [el('console', { type: 'pty' }, el('target', { type: 'xen', port: '0' }))],
  },
  diskFolder: '/var/lib/libvirt/images',
  undefineFlags: ['--managed-save'],
  startsPaused: true,
  hostId: '00000000-0000-0000-0000-000000000000',
  ask: {
    shutdown: { agent: [], plain: ['paravirt', 'acpi'] },
    reboot: { agent: [], plain: ['paravirt'] },
  },
  parameters: {},
  live: LIVE,
  factsIn: 'dominfo',
  nics: { model: 'netfront', models: ['netfront', 'e1000', 'rtl8139'], moves: 'anew' },
  console: 'now',
  hasDiskFiles: true,
};
