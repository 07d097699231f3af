import { join } from 'node:path';
import { z } from 'zod';
import { keepFile, readIfThere } from '#agent/files/folder.ts';
import { examine } from '#agent/services/services.ts';
import { contains, subnetOf } from '#shared/model/address.ts';
import { type GivenOutside, HostNetwork, HostRouter, type Lease } from '#shared/model/network.ts';
import { dnsmasqFiles } from './dnsmasq.ts';
import { areRulesChanged } from './firewall.ts';
import { HAPROXY } from './ingress.ts';
import { type LeaseLine, parseLeases } from './leases.ts';
import { type LegChanges, legChanges } from './legs.ts';
import { aliasOf, readHostLinks, readNamespace, readRoutes } from './namespace.ts';
import { dnsmasqService } from './naming.ts';
import { examineOutside, withGiven } from './outside.ts';
import type { Place } from './place.ts';
import { allLegs, namespaceOf, planRouter, type RouterPlan } from './plan.ts';

/** What a router was last made from; it is written before anything of it is made. */
const Made = z.strictObject({ router: HostRouter, networks: z.array(HostNetwork) });

const fileOf = ({ folder }: Place): string => join(folder, 'router.json');

export async function keepPlan(place: Place, { router }: RouterPlan, networks: readonly HostNetwork[]): Promise<void> {
  const used = new Set([...router.legs, ...(router.outside ? [router.outside] : [])].map(({ network }) => network));
  const made: z.infer<typeof Made> = { router, networks: networks.filter(({ name }) => used.has(name)) };
  await keepFile(fileOf(place), `${JSON.stringify(made)}\n`);
}

/** Undefined where there is no such router. */
async function readPlan(place: Place): Promise<RouterPlan | undefined> {
  const text = await readIfThere(fileOf(place));
  if (text === undefined) return undefined;
  const { router, networks } = Made.parse(JSON.parse(text));
  return planRouter(router, networks, place.host);
}

/** What is wrong with a router, in words. Empty where it is as it was made. */
export async function examineRouter(place: Place, signal: AbortSignal): Promise<string[]> {
  const plan = await readPlan(place);
  if (!plan) return ['it was never made'];
  const { name } = plan.router;
  const { standing, links } = await readNamespace(place.run, name, signal);
  if (standing !== 'whole') return [`its network namespace ${namespaceOf(name)} is not there`];
  const [host, routes, areOthers] = await Promise.all([
    readHostLinks(place, signal),
    readRoutes(place.run, place.namespace, signal),
    areRulesChanged(place, signal),
  ]);
  const marks = { namespace: place.namespace, alias: aliasOf(name) };
  const changes = legChanges(allLegs(plan), { inside: links, host, routes }, marks);
  return [
    ...(isNothing(changes) ? [] : ['its legs are not as they were made']),
    ...(areOthers ? ['its rules were changed'] : []),
    ...(plan.legs.length === 0
      ? []
      : await examine(place, dnsmasqService(dnsmasqFiles(plan).configuration.name), signal)),
    ...(plan.router.ingress.length === 0 ? [] : await examine(place, HAPROXY, signal)),
  ];
}

const isNothing = ({ deleting, joining, switching, setting }: LegChanges): boolean =>
  [deleting, joining, switching, setting].every((each) => each.length === 0);

/** What the leg outside has by DHCP; nothing, and no problem, where it does not ask. */
export async function readGiven(place: Place, router: string, signal: AbortSignal): Promise<GivenOutside> {
  const plan = await readPlan(place);
  if (!plan?.outside?.isGiven) return { router, addresses: [] };
  const { links } = await readNamespace(place.run, router, signal);
  const [problem] = await examineOutside(place, { links }, signal);
  const addresses = [...(withGiven(plan, links).outside?.addresses ?? [])];
  return { router, addresses, ...(problem === undefined ? {} : { problem }) };
}

/** Leases that a router gave and that are not over, as far as it knows whose they are. */
export async function readLeases(place: Place): Promise<Lease[]> {
  const plan = await readPlan(place);
  const lines = parseLeases((await readIfThere(join(place.folder, 'leases'))) ?? '');
  return plan ? lines.flatMap((line) => leaseOf(line, plan) ?? []) : [];
}

function leaseOf({ address, mac, name, untilS }: LeaseLine, { router, legs }: RouterPlan): Lease | undefined {
  const leg = legs.find(({ addresses }) => addresses.some((each) => contains(subnetOf(each), address)));
  const reserved = router.hosts.find((host) => host.addresses.includes(address));
  const whose = mac ?? reserved?.mac;
  if (!leg || whose === undefined) return undefined;
  const called = name ?? reserved?.name;
  return {
    network: leg.network,
    address,
    mac: whose,
    ...(called === undefined ? {} : { name: called }),
    ...(untilS === undefined ? {} : { until: new Date(untilS * 1_000).toISOString() }),
    router: router.name,
  };
}
