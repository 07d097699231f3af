import { basename } from 'node:path';

/** A zone's first process, as /proc tells: what `exe` leads to, and `status`. */
export interface Init {
  exe: string;
  status: string;
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
export function haltSignal(init: Init): string | undefined {
  if (isBusybox(init)) return 'USR2';
  return hears(init, SIGTERM) && !hears(init, SIGRTMIN + 3) && !hears(init, SIGPWR) ? 'TERM' : undefined;
}

/** LXC sends SIGINT, at which busybox does what its inittab has for Ctrl-Alt-Del, and without that nothing. */
export const rebootSignal = (init: Init): string | undefined => (isBusybox(init) ? 'TERM' : undefined);

const SIGTERM = 15;
const SIGPWR = 30;
const SIGRTMIN = 34;

const isBusybox = ({ exe }: Init): boolean => basename(exe) === 'busybox';

function hears({ status }: Init, signal: number): boolean {
  const mask = BigInt(`0x${/^SigCgt:\s+([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return ((mask >> BigInt(signal - 1)) & 1n) === 1n;
}
