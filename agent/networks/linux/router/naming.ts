import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { folderChanges, keepFile, keepFiles, keepFolder, namesIn, readIfThere } from '#agent/files/folder.ts';
import { linesOf } from '#agent/networks/linux/lines.ts';
import { boundTo } from '#agent/services/bounds.ts';
import { tell } from '#agent/services/processes.ts';
import { readRunning } from '#agent/services/running.ts';
import type { Service } from '#agent/services/service.ts';
import { end, keepUp } from '#agent/services/services.ts';
import { type DnsmasqFiles, dnsmasqFiles, SEEN_AT } from './dnsmasq.ts';
import { parseLeases, staleLeases } from './leases.ts';
import type { Place } from './place.ts';
import type { RouterPlan } from './plan.ts';

/** It stands here from before a reservation is taken away until dnsmasq has been told: it does not notice by itself. */
const UNTOLD = 'dnsmasq-untold';

/** It is there from before dnsmasq is started until it has ended. */
const RUN = 'run-dnsmasq';

/** What the lease file shall lose before dnsmasq is started; whoever starts it takes this away when that is done. */
const DROPPED = 'leases-dropped';
const STARTING = [
  // It reads all hosts as it starts.
  `[ ! -e ${SEEN_AT}/${UNTOLD} ] || rm -f ${SEEN_AT}/${UNTOLD}`,
  `if [ -e ${SEEN_AT}/${DROPPED} ]; then`,
  `  { grep -v -F -f ${SEEN_AT}/${DROPPED} ${SEEN_AT}/leases >${SEEN_AT}/.leases.new || [ $? -eq 1 ]; } &&`,
  `    mv ${SEEN_AT}/.leases.new ${SEEN_AT}/leases && rm ${SEEN_AT}/${DROPPED}`,
  'fi',
];

/** What dnsmasq may do; it takes another user itself, and keeps the first three. */
const CAPABILITIES = ['net_admin', 'net_raw', 'net_bind_service', 'setuid', 'setgid'];

export const dnsmasqService = (configuration: string): Service => ({
  name: 'dnsmasq',
  script: [...STARTING, boundTo(CAPABILITIES, `dnsmasq --keep-in-foreground --conf-file=${SEEN_AT}/${configuration}`)],
  startDue: DROPPED,
  // It gives root up when it has all that it listens at.
  isReady: ({ user }) => user !== 0,
  isCurrent: (argv) => argv.includes(`--conf-file=${SEEN_AT}/${configuration}`),
});

/** Write down what dnsmasq is to serve. */
export async function layNaming({ folder }: Pick<Place, 'folder'>, plan: RouterPlan): Promise<void> {
  if (plan.legs.length === 0) return;
  const { configuration, ...hosts } = dnsmasqFiles(plan);
  await keepHosts(folder, hosts);
  await keepFile(join(folder, configuration.name), configuration.text);
}

/**
 * Have addresses and names served as they were laid down.
 *
 * New hosts are taken by dnsmasq as it runs; when a reservation changes or goes, it is told to read them anew. It is started anew, with the
 * leases that it gave, when legs, domains, pools or servers change, and when an address that somebody has a lease of is not his any more.
 * @throws Failure host-command, network-host
 */
export async function keepNaming(place: Place, plan: RouterPlan, signal: AbortSignal): Promise<void> {
  const { folder } = place;
  if (plan.legs.length === 0) {
    if ((await readIfThere(join(folder, RUN))) === undefined) return;
    await end(place, { name: 'dnsmasq' }, signal);
    await rm(join(folder, RUN), { force: true });
    return;
  }
  const { configuration } = dnsmasqFiles(plan);
  await dropLeases(place, plan);
  await keepUp(place, dnsmasqService(configuration.name), signal);
  await tellOfHosts(place, signal);
  for (const name of await namesIn(folder))
    if (/^dnsmasq-[0-9a-f]+\.conf$/.test(name) && name !== configuration.name)
      await rm(join(folder, name), { force: true });
}

async function keepHosts(
  folder: string,
  { names, reservations }: Pick<DnsmasqFiles, 'names' | 'reservations'>,
): Promise<void> {
  for (const each of ['names', 'reservations']) await keepFolder(join(folder, each));
  const changes = await folderChanges(join(folder, 'reservations'), reservations);
  const isLost = changes.gone.length > 0 || changes.changed.length > 0;
  if (isLost) await keepFile(join(folder, UNTOLD), '');
  await keepFiles(join(folder, 'names'), names);
  await keepFiles(join(folder, 'reservations'), reservations, changes);
  // One that was started in between has read what was there then.
  if (isLost) await keepFile(join(folder, UNTOLD), '');
}

async function dropLeases({ folder }: Place, plan: RouterPlan): Promise<void> {
  const stale = staleLeases(parseLeases((await readIfThere(join(folder, 'leases'))) ?? ''), plan);
  if (stale.length > 0) await keepFile(join(folder, DROPPED), linesOf(stale.map((address) => ` ${address} `)));
}

async function tellOfHosts(place: Place, signal: AbortSignal): Promise<void> {
  const untold = join(place.folder, UNTOLD);
  if ((await readIfThere(untold)) === undefined) return;
  for (const each of (await readRunning(place, { name: 'dnsmasq' }, signal)).programs) await tell(each, 'SIGHUP');
  await rm(untold, { force: true });
}
