import { readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';

/** A zone's first process, as /proc tells: what `exe` leads to, and `status`. */
export interface Init {
  exe: string;
  status: string;
}

/** The first process of a zone, by its id here. Of one that has ended, or that cannot be seen from here, nothing is known. */
export async function initAt(pid: number | undefined): Promise<Init> {
  const [exe, status] = await Promise.all([
    readlink(`/proc/${pid}/exe`).catch(() => ''),
    readFile(`/proc/${pid}/status`, 'utf8').catch(() => ''),
  ]);
  return { exe, status };
}

/**
 * By which signal a zone's init is asked to halt, where its configuration does not say; undefined: by LXC's own.
 *
 * The kernel drops signals that an init has no handler for. LXC sends SIGRTMIN+3 to a systemd, and else SIGPWR, which busybox does
 * not hear; one program that stands for an init hears SIGTERM, or nothing.
 *
 * Shape: `SigCgt:` in the status, a mask in hexadecimal; signal N is bit N - 1.
 * Source: proc(5), lxc.container.conf(5) HALT SIGNAL, busybox init/init.c
 */
export function haltSignal(init: Init): Heard | undefined {
  if (isBusybox(init)) return 'USR2';
  return hears(init, SIGTERM) && !hears(init, SIGRTMIN + 3) && !hears(init, SIGPWR) ? 'TERM' : undefined;
}

/** LXC sends SIGINT, at which busybox does what its inittab has for Ctrl-Alt-Del, and without that nothing. */
export const rebootSignal = (init: Init): Heard | undefined => (isBusybox(init) ? 'TERM' : undefined);

/** Signals by which an init is asked, in the names of kill(1). */
export type Heard = 'USR2' | 'TERM' | 'PWR' | 'RTMIN+3' | 'RTMIN+5';

/** By which signal an init is asked to halt, whatever it is; undefined: nothing is known of it. Source: systemd(1), signals */
export const haltsBy = (init: Init): Heard | undefined =>
  init.exe === '' ? undefined : (haltSignal(init) ?? (hears(init, SIGRTMIN + 3) ? 'RTMIN+3' : 'PWR'));

/** By which signal an init is asked to reboot; undefined: by none that is known. */
export const rebootsBy = (init: Init): Heard | undefined =>
  rebootSignal(init) ?? (hears(init, SIGRTMIN + 5) ? 'RTMIN+5' : undefined);

const SIGTERM = 15;
const SIGPWR = 30;
const SIGRTMIN = 34;

const isBusybox = ({ exe }: Init): boolean => basename(exe) === 'busybox';

function hears({ status }: Init, signal: number): boolean {
  const mask = BigInt(`0x${/^SigCgt:\s+([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return ((mask >> BigInt(signal - 1)) & 1n) === 1n;
}
