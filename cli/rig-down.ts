import { takeDown } from '#provisioning/rig/down.ts';
import { SKERRY } from '#shared/called.ts';
import { optionsOf, rigFolder } from './rig-options.ts';

export const DOWN_USAGE = `${SKERRY} down [--dir FOLDER]`;

/** `down`: take the rig down in order; also clears what is left of one that was killed. @returns exit code */
export async function down(argv: string[]): Promise<number> {
  const options = optionsOf(argv, { dir: { type: 'string' } }, DOWN_USAGE);
  const dir = rigFolder(options.dir);
  const { wasUp, leftovers } = await takeDown(dir);
  if (wasUp) console.log('The rig is down.');
  if (leftovers > 0) console.log(`Ended ${leftovers} processes that a killed rig had left.`);
  if (!wasUp && leftovers === 0) console.log(`No rig was up in ${dir}.`);
  return 0;
}
