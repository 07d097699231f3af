import { readFileSync } from 'node:fs';
import { isMissing } from '#agent/files/folder.ts';

/**
 * What is another one after each boot of this host: the kernel's boot id, and when process 1 began, which tells boots of a container
 * or of a namespace apart (proc(5)); without the second where that process is hidden from us.
 *
 * @returns undefined where the system does not tell, as illumos: a time of boot that is worked out is another one when the clock is set
 */
export function bootMark(proc = '/proc'): string | undefined {
  const id = textIn(`${proc}/sys/kernel/random/boot_id`)?.trim();
  const stat = textIn(`${proc}/1/stat`);
  // The name, in brackets, may hold blanks; starttime is field 22.
  const began = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return id === undefined || began === undefined ? id : `${id} ${began}`;
}

function textIn(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
