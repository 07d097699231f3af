import type { Hypervisor } from '../hypervisor.ts';
import { el, type Sketch } from '../xml.ts';
import { LIVE } from './settings.ts';

/**
 * Without its own network a container without interfaces has the host's. Without sys_boot its init cannot say that it is done, and
 * stays for ever.
 */
const PARTS: readonly Sketch[] = [
  el('features', {}, el('privnet'), el('capabilities', { policy: 'default' }, el('sys_boot', { state: 'on' }))),
  el('on_poweroff', {}, 'destroy'),
  el('on_reboot', {}, 'restart'),
  el('on_crash', {}, 'destroy'),
];

const ASK = { agent: [], plain: [] };

/**
 * Containers of libvirt's own, which have nothing to do with LXC's tools and folders.
 *
 * Its `shutdown` goes by /dev/initctl or SIGTERM, neither of which today's inits take for that; so the init is asked by the signal that
 * it hears.
 * Source: https://libvirt.org/drvlxc.html, https://libvirt.org/formatdomain.html
 */
export const lxc: Hypervisor = {
  shortForm: {
    types: ['lxc'],
    os: el('os', {}, el('type', {}, 'exe'), el('init', {}, '/sbin/init')),
    osOfKernel: 'refused',
    parts: PARTS,
    disks: 'file systems',
    takesImages: false,
    devices: () => [el('console', { type: 'pty' })],
  },
  diskFolder: '/var/lib/libvirt/filesystems',
  undefineFlags: [],
  startsPaused: false,
  isContainer: true,
  ask: { shutdown: ASK, reboot: ASK },
  runsPrograms: 'namespaces',
  addressSources: ['lease'],
  parameters: { environment: true },
  live: { memoryMiB: LIVE.memoryMiB, title: LIVE.title },
  limitsByQuota: true,
  factsIn: 'definition',
  nics: { models: [], moves: 'anew' },
  console: 'now',
};
