import { readFileSync } from 'node:fs';

/**
 * What is another one after each boot of this host: the kernel's boot id, and when process 1 began, which tells boots of a container
 * or of a namespace apart (proc(5)).
 */
export function bootMark(): string {
  const id = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const stat = readFileSync('/proc/1/stat', 'utf8');
  // The name, in brackets, may hold blanks; starttime is field 22.
  const began = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return `${id} ${began}`;
}
