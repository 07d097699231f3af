import { relative } from 'node:path';
import { layoutOf } from '#provisioning/rig/layout.ts';
import { isAlive } from '#provisioning/rig/processes.ts';
import { readRigFile } from '#provisioning/rig/rig-file.ts';
import { readState } from '#provisioning/rig/state.ts';
import { SKERRY } from '#shared/called.ts';
import { optionsOf, rigFolder } from './rig-options.ts';
import { siteText } from './rig-text.ts';

export const STATUS_USAGE = `${SKERRY} status [--json] [--dir FOLDER]`;

/** `status`: whether the rig is up, where to connect, and which of its parts run. @returns 0 when up, 3 when not */
export async function status(argv: string[]): Promise<number> {
  const options = optionsOf(argv, { dir: { type: 'string' }, json: { type: 'boolean' } }, STATUS_USAGE);
  const dir = rigFolder(options.dir);
  const layout = layoutOf(dir);
  const state = readState(layout.state);
  const phase = state === undefined ? 'down' : state.isAlive ? state.phase : 'killed';
  const rig = phase === 'up' ? await readRigFile(layout.rig) : undefined;
  const parts = Object.entries(state?.parts ?? {}).map(([name, part]) => ({
    name,
    pid: part.process.pid,
    starts: part.starts,
    isRunning: isAlive(part.process),
  }));
  if (options.json) {
    console.log(JSON.stringify({ dir, phase, accelerator: state?.accelerator, parts, rig }, null, 2));
  } else if (rig !== undefined) {
    console.log(siteText(rig, { dir: relative(process.cwd(), dir) || '.', accelerator: state?.accelerator }));
    for (const { name, pid, starts, isRunning } of parts) {
      const again = starts > 1 ? `, started ${starts} times` : '';
      console.log(`  ${name.padEnd(14)} ${isRunning ? `process ${pid}` : 'does not run'}${again}`);
    }
  } else {
    console.log(PHASE_TEXT[phase as keyof typeof PHASE_TEXT].replace('DIR', dir));
  }
  return phase === 'up' ? 0 : 3;
}

const PHASE_TEXT = {
  down: `No rig is up in DIR: bring it up with ${SKERRY} up.`,
  killed: `The rig in DIR was killed. ${SKERRY} up brings it up again; ${SKERRY} down clears what is left.`,
  'coming up': 'The rig in DIR is coming up.',
  'going down': 'The rig in DIR is going down.',
};
