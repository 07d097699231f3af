import { areGone, processesOf, signal } from './processes.ts';

const GONE_TIMEOUT_MS = 10_000;

/**
 * End whatever a rig that was killed has left. With the first process of a machine go all others in it, its mounts and its
 * links, so there are only processes to look for.
 * @returns how many there were
 */
export async function sweep(rigDir: string): Promise<number> {
  let count = 0;
  // Once more after each round: one that was just being born had not the mark yet.
  for (let left = processesOf(rigDir); left.length > 0; left = processesOf(rigDir)) {
    count += left.length;
    for (const each of left) signal(each, 'SIGKILL');
    if (!(await areGone(left, GONE_TIMEOUT_MS))) break;
  }
  return count;
}
