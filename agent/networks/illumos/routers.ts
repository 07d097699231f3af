import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ACTIVE } from '#agent/drivers/zones/acting.ts';
import { bootZone, haltZone, installZone } from '#agent/drivers/zones/commands.ts';
import { emptyEntry } from '#agent/drivers/zones/entries.ts';
import { plainly } from '#agent/drivers/zones/failures.ts';
import { type Ground, readZones } from '#agent/drivers/zones/ground.ts';
import { makeZone } from '#agent/drivers/zones/making.ts';
import { reconfigure } from '#agent/drivers/zones/reconfiguring.ts';
import { takeAway } from '#agent/drivers/zones/removing.ts';
import { placeFiles } from '#agent/drivers/zones/root-files.ts';
import { settleLinks } from '#agent/drivers/zones/settling.ts';
import { withBrandOf } from '#agent/drivers/zones/zone-config.ts';
import type { Zone } from '#agent/drivers/zones/zone-list.ts';
import type { Command } from '#agent/exec/run.ts';
import { keepFile, keepFiles, keepFolder, readIfThere } from '#agent/files/folder.ts';
import { parseLeases } from '#agent/networks/linux/router/leases.ts';
import { Failure } from '#shared/errors.ts';
import { contains, isV6, subnetOf } from '#shared/model/address.ts';
import type { HostNetwork, HostRouter, Lease } from '#shared/model/network.ts';
import type { Marks } from './marks.ts';
import { planRouter, type RouterPlan, zoneOfRouter } from './router-plan.ts';

export interface RouterTools {
  ground: Ground;
  host: string;
  /** Where routers keep what they serve, a folder for each. */
  folder: string;
  marks: Marks;
}

const STRUCTURE = 'structure';
const TOLD_MS = 30_000;

/** The router's services are told by a signal: by the zone that they run in, and their name. Source: pkill(1) */
const tellDnsmasq = (zone: string): Command => ({
  file: 'pkill',
  args: ['-HUP', '-z', zone, '-x', 'dnsmasq'],
  timeoutMs: TOLD_MS,
});

/**
 * Have a router be there, and run. What it serves is changed while it runs; it is started anew when its legs, its NAT, its ways in or its pools
 * change.
 *
 * @throws Failure network-clash, network-host, host-command, host-timeout
 */
export async function makeRouter(
  tools: RouterTools,
  router: HostRouter,
  networks: readonly HostNetwork[],
  signal: AbortSignal,
): Promise<void> {
  const { ground, host, marks } = tools;
  const folder = join(tools.folder, router.name);
  const servedFolder = join(folder, 'served');
  const { zonesFolder, packageCache } = ground;
  const plan = planRouter(router, networks, { host, servedFolder, zonesFolder, packageCache });
  const zone = await zoneThere(tools, plan.zone.name, signal);
  if (zone && !(await marks.has(router.name)))
    throw new Failure('network-clash', { what: 'a zone', name: plan.zone.name, host });
  await marks.add(router.name);
  await keepFolder(folder);
  await keepFolder(servedFolder);
  const before = await readIfThere(join(servedFolder, 'reservations'));
  await keepFiles(servedFolder, plan.served);
  const wasServed = before === plan.served.get('reservations');
  await asHostFailure(host, () => keepZone(tools, { plan, zone, folder, wasServed }, signal));
}

interface Keeping {
  plan: RouterPlan;
  zone: Zone | undefined;
  folder: string;
  wasServed: boolean;
}

async function keepZone(
  { ground }: RouterTools,
  { plan, zone, folder, wasServed }: Keeping,
  signal: AbortSignal,
): Promise<void> {
  const { name, config, files, install } = plan.zone;
  const file = join(folder, STRUCTURE);
  const structure = JSON.stringify({ config: [[...config.properties], config.resources], files });
  const there = zone && zone.state !== 'configured' && zone.state !== 'incomplete' ? zone : undefined;
  if (!there) {
    // Half of one is in the way of a whole one.
    if (zone) await takeAway(ground, (await ground.ledger.read(name)) ?? emptyEntry(name), signal);
    await makeZone(ground, plan.zone, installZone(name, install), { signal, progress: () => {} });
  } else if ((await readIfThere(file)) !== structure) {
    if (ACTIVE.includes(there.state)) await ground.run(haltZone(name), signal);
    await reconfigure(ground, { ...there, state: 'installed' }, (now) => withBrandOf(now, config), signal);
    await placeFiles(join(config.properties.get('zonepath') ?? '', 'root'), files);
  } else if (there.state === 'running') {
    if (!wasServed) await ground.run(tellDnsmasq(name), signal);
    return;
  }
  await keepFile(file, structure, 0o600);
  await settleLinks(ground, name, signal);
  await ground.run(bootZone(name), signal);
}

/** What goes wrong with a zone is what its host could not do. */
async function asHostFailure(host: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const plain = plainly(error);
    if (plain instanceof Failure && plain.code.startsWith('guest-'))
      throw new Failure('network-host', { host, problem: plain.message }, { cause: error });
    throw plain;
  }
}

const zoneThere = async ({ ground }: RouterTools, name: string, signal: AbortSignal): Promise<Zone | undefined> =>
  (await readZones(ground, signal)).find((each) => each.name === name);

/** Nothing happens where it is not there; a zone of that name that was not made here stays. */
export async function removeRouter(tools: RouterTools, router: string, signal: AbortSignal): Promise<void> {
  const { ground, marks } = tools;
  if (!(await marks.has(router))) return;
  const name = zoneOfRouter(router);
  await ground.inTurn(name, async () => {
    const entry = (await ground.ledger.read(name)) ?? emptyEntry(name);
    await ground.ledger.write({ ...entry, phase: 'removing' });
    await takeAway(ground, entry, signal);
  });
  await rm(join(tools.folder, router), { recursive: true, force: true });
  await marks.drop(router);
}

const readServices = (zone: string): Command => ({
  file: 'svcs',
  args: ['-z', zone, '-H', '-o', 'state,fmri', 'network/ipfilter', 'network/dnsmasq'],
  timeoutMs: TOLD_MS,
});

/** What is wrong with one that was made, in words. */
export async function examineRouter(tools: RouterTools, router: string, signal: AbortSignal): Promise<string[]> {
  const zone = await zoneThere(tools, zoneOfRouter(router), signal);
  if (zone?.state !== 'running') return [`its zone is ${zone?.state ?? 'not there'}`];
  return parseServices(await tools.ground.run(readServices(zone.name), signal));
}

/**
 * Services that are not up. One that is on its way is none of them.
 *
 * Shape: `online svc:/network/dnsmasq:default`, a line a service; a `*` at a state says that it is about to change
 * Source: svcs(1)
 */
export const parseServices = (stdout: string): string[] =>
  stdout.split('\n').flatMap((line) => {
    const [, state, fmri] = /^(\S+)\s+(svc:\S+)$/.exec(line.trim()) ?? [];
    return state === undefined || state === 'online' || state.endsWith('*') ? [] : [`${fmri} is ${state}`];
  });

/** What dnsmasq has written of who has which address. */
export async function readLeases(
  tools: RouterTools,
  router: string,
  networks: readonly HostNetwork[],
  legs: HostRouter['legs'],
): Promise<Lease[]> {
  const root = join(tools.ground.zonesFolder, zoneOfRouter(router), 'root');
  const text = (await readIfThere(join(root, 'var/dnsmasq.leases'))) ?? '';
  return parseLeases(text).flatMap(({ address, mac, name, untilS }) => {
    const leg = legs.find(({ addresses }) =>
      addresses.some((each) => isV6(each) === isV6(address) && contains(subnetOf(each), address)),
    );
    const network = networks.find((each) => each.name === leg?.network);
    if (!network || mac === undefined) return [];
    const until = untilS === undefined ? {} : { until: new Date(untilS * 1_000).toISOString() };
    return [{ network: network.name, address, mac, ...(name === undefined ? {} : { name }), ...until, router }];
  });
}
