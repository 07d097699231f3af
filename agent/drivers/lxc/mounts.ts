import { join } from 'node:path';

/**
 * What is mounted at a folder, or below it; undefined where nothing is.
 *
 * Shape: a line for each mount, whose fifth word is its place; blanks and the like are `\\NNN` in it, in octal.
 * Source: proc_pid_mountinfo(5)
 */
export function mountIn(mountinfo: string, folder: string): string | undefined {
  const at = join(folder, '/');
  return mountinfo
    .split('\n')
    .map((line) =>
      (line.split(' ')[4] ?? '').replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8))),
    )
    .find((place) => `${place}/`.startsWith(at));
}
