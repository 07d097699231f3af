import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CLOUD, CLOUD_GUESTS } from '#provisioning/rig/plan-cloud.ts';
import type { RigFile } from '#provisioning/rig/rig-file.ts';
import { SKERRY } from '#shared/called.ts';
import { asRigAdmin } from './rig-asking.ts';
import { layNetwork } from './rig-networks.ts';
import { ROOT } from './rig-options.ts';

/** The chain of the second example. */
const ALPINE = join(ROOT, 'provisioning/chains/alpine.yaml');

/** Lay the network of the private cloud, and set its chain; its guests stay off. What is there already is left as it is. */
export function layCloud(rig: RigFile, say: (line: string) => void): Promise<void> {
  return asRigAdmin(rig, async (ask) => {
    await layNetwork(ask, CLOUD, CLOUD_GUESTS, say);
    const chains = (await ask('chain.list', {})) as { chain: string }[];
    if (chains.some(({ chain }) => chain === 'alpine')) return;
    await ask('chain.set', { file: await readFile(ALPINE, 'utf8') });
    say(`The chain alpine is set; ${SKERRY} chain up alpine brings its ${CLOUD_GUESTS.length} guests up`);
  });
}
