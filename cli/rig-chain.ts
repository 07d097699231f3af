import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HOSTS } from '#provisioning/rig/plan.ts';
import type { RigFile } from '#provisioning/rig/rig-file.ts';
import { Failure } from '#shared/errors.ts';
import type { Job } from '#shared/model/job.ts';
import { waitForJob } from './asking.ts';
import { type AskRig, asRigAdmin } from './rig-asking.ts';
import { ROOT } from './rig-options.ts';

/** The chain of the rig's own guests. */
const GRID = join(ROOT, 'provisioning/chains/grid.yaml');

/** Bring the rig's guests up by their chain, as the administrator would. @throws Failure: why it did not come up */
export function bringGridUp(rig: RigFile, say: (line: string) => void): Promise<void> {
  return asRigAdmin(rig, async (ask, entity, central) => {
    await ask('chain.set', { file: await readFile(GRID, 'utf8') });
    const begun = (await ask('chain.up', { chain: 'grid' })) as Job;
    const job = await waitForJob(entity, central, begun, ({ progress }) => say(`chain up grid: ${progress}`));
    if (job.state !== 'done') throw new Failure('setup-needed', { problem: `chain up grid: ${job.progress}` });
    say('The grid is up: venti, fossil, cpu1, cpu2, each after the one that it needs answered.');
    await startZones(ask, say);
  });
}

/** Beside the chain there are zones, each with a web server. */
async function startZones(ask: AskRig, say: (line: string) => void): Promise<void> {
  const zones = HOSTS.flatMap((host) => host.zones.map(({ name }) => name));
  const there = (await ask('guest.list', {})) as { name: string; state: string }[];
  const off = there.filter(({ name, state }) => zones.includes(name) && state === 'shutoff');
  await Promise.all(off.map(({ name: guest }) => ask('guest.start', { guest })));
  say(`The zones run: ${zones.join(', ')}.`);
}
