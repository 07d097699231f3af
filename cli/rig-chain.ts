import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RigFile } from '#provisioning/rig/rig-file.ts';
import { Failure } from '#shared/errors.ts';
import type { Job } from '#shared/model/job.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import { ask, waitForJob } from './asking.ts';
import { connect } from './connect.ts';
import { ROOT } from './rig-options.ts';

/** Central connects a moment after its process has begun; so often it is asked, for half a minute at the most. */
const TRIES_MAX = 16;
/** The chain of the rig's own guests. */
const GRID = join(ROOT, 'provisioning/chains/grid.yaml');

/** Bring the rig's guests up by their chain, as the administrator would. @throws Failure: why it did not come up */
export async function bringGridUp(rig: RigFile, say: (line: string) => void): Promise<void> {
  const admin = rig.accounts.find(({ role }) => role === 'admin');
  if (!admin) throw new Failure('setup-needed', { problem: 'the rig has no administrator' });
  const { jid, password } = admin;
  const site = {
    jid,
    password,
    ca: await readFile(rig.ca, 'utf8'),
    service: rig.xmpp,
    hosts: [],
    central: rig.central,
  };
  const entity = await connect(site);
  try {
    const central = { name: 'central', jid: rig.central };
    const asked = async (verb: 'chain.set' | 'chain.up', args: object): Promise<unknown> =>
      (await ask(entity, central, verb, centralVerbs[verb], args, { tries: TRIES_MAX })).value;
    await asked('chain.set', { file: await readFile(GRID, 'utf8') });
    const begun = (await asked('chain.up', { chain: 'grid' })) as Job;
    const job = await waitForJob(entity, central, begun, ({ progress }) => say(`chain up grid: ${progress}`));
    if (job.state !== 'done') throw new Failure('setup-needed', { problem: `chain up grid: ${job.progress}` });
    say('The grid is up: venti, fossil, cpu1, cpu2, each after the one that it needs answered.');
  } finally {
    await entity.stop();
  }
}
