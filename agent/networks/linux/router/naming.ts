import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type DnsmasqFiles, dnsmasqFiles, SEEN_AT } from './dnsmasq.ts';
import { folderChanges, keepFile, keepFiles, keepFolder, namesIn, readIfThere } from './folder.ts';
import type { RouterPlan } from './plan.ts';
import { tell } from './processes.ts';
import { boundTo, end, keepUp, type Place, readRunning, type Service } from './services.ts';

/** It stands here from before a reservation is taken away until dnsmasq has been told: it does not notice by itself. */
const UNTOLD = 'dnsmasq-untold';

/** What dnsmasq may do; it takes another user itself, and keeps the first three. */
const CAPABILITIES = ['net_admin', 'net_raw', 'net_bind_service', 'setuid', 'setgid'];

export const dnsmasqService = (configuration: string): Service => ({
  name: 'dnsmasq',
  line: boundTo(CAPABILITIES, `dnsmasq --keep-in-foreground --conf-file=${SEEN_AT}/${configuration}`),
  isCurrent: (argv) => argv.includes(`--conf-file=${SEEN_AT}/${configuration}`),
});

/**
 * Have addresses and names served as planned.
 *
 * New and changed hosts are taken by dnsmasq as it runs; when one loses its reservation it is told to read them anew; a change of legs,
 * domains, pools or servers starts it anew, with the leases that it gave.
 * @throws Failure host-command, network-host
 */
export async function keepNaming(place: Place, plan: RouterPlan, signal: AbortSignal): Promise<void> {
  const files = dnsmasqFiles(plan);
  const { folder } = place;
  if (plan.legs.length === 0) {
    await end(place, 'dnsmasq', signal);
    return;
  }
  await keepHosts(folder, files);
  await keepFile(join(folder, files.configuration.name), files.configuration.text);
  await keepUp(place, dnsmasqService(files.configuration.name), signal);
  await tellOfHosts(place, signal);
  for (const name of await namesIn(folder))
    if (/^dnsmasq-[0-9a-f]+\.conf$/.test(name) && name !== files.configuration.name)
      await rm(join(folder, name), { force: true });
}

async function keepHosts(folder: string, { names, reservations }: DnsmasqFiles): Promise<void> {
  for (const each of ['names', 'reservations']) await keepFolder(join(folder, each));
  const { gone, changed } = await folderChanges(join(folder, 'reservations'), reservations);
  if (gone.length > 0 || changed.length > 0) await keepFile(join(folder, UNTOLD), '');
  await keepFiles(join(folder, 'names'), names);
  await keepFiles(join(folder, 'reservations'), reservations);
}

async function tellOfHosts(place: Place, signal: AbortSignal): Promise<void> {
  const untold = join(place.folder, UNTOLD);
  if ((await readIfThere(untold)) === undefined) return;
  for (const each of (await readRunning(place, 'dnsmasq', signal)).programs) await tell(each, 'SIGHUP');
  await rm(untold, { force: true });
}
