import { zonesDriver } from '#agent/drivers/zones/driver.ts';
import type { Run } from '#agent/exec/run.ts';
import { GuestRecipe } from '#shared/model/guest.ts';
import { openHost } from '#test/illumos/host.ts';
import { illumosRun } from '#test/illumos/run.ts';

/** `zone-maker.ts FOLDER N`: makes a zone on the modelled host of that folder, and is killed with its Nth command. */
const [folder = '', count = ''] = process.argv.slice(2);
const run = illumosRun(openHost(folder));
let left = Number(count);
const dying: Run = async (command, signal) => {
  if (--left === 0) process.kill(process.pid, 'SIGKILL');
  return run(command, signal);
};
const log = { debug: () => {}, info: () => {}, warn: () => {} };
const driver = zonesDriver({
  ...{ log, host: 'here', run: dying, stateFolder: `${folder}/state`, configFolder: `${folder}/etc-zones` },
  ...{ zonesFolder: `${folder}/zones`, packageCache: `${folder}/cache` },
});
await driver.createGuest?.(
  GuestRecipe.parse({
    ...{ name: 'vm1', image: 'bhyve', nics: ['bridge=sk-lan'], vcpus: 1, memoryMiB: 256 },
    options: { disk: 'rpool/vm1_disk0,1G' },
  }),
  { signal: AbortSignal.timeout(60_000), progress: () => {} },
);
process.exit(0);
