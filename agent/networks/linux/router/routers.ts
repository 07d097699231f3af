import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Run } from '#agent/exec/run.ts';
import { keepFolder, namesIn } from '#agent/files/folder.ts';
import { end } from '#agent/services/services.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { type GivenOutside, type HostNetwork, type HostRouter, type Lease, RouterName } from '#shared/model/network.ts';
import { keepRules } from './firewall.ts';
import { keepIngress } from './ingress.ts';
import { deleteEnds, keepLegs } from './joining.ts';
import { putLeasesAside, takeLeasesBack } from './kept-leases.ts';
import { deleteNamespace, keepNamespace, markedNamespaces, readNamespace } from './namespace.ts';
import { keepNaming } from './naming.ts';
import { endOutside, keepOutside, withGiven } from './outside.ts';
import { outsideWatches } from './outside-watches.ts';
import { type Place, placeIn } from './place.ts';
import { namespaceOf, planRouter, type RouterPlan } from './plan.ts';
import { examineRouter, keepPlan, readGiven, readLeases } from './standing.ts';

export interface LinuxRoutersDeps {
  run: Run;
  /** Where routers keep their files and leases, a folder for each. */
  folder: string;
  /** Name of this host, for failures. */
  host: string;
  /** Link group that marks links as Skerry's. */
  group: number;
  log: Pick<Logger, 'warn'>;
  /** How long a service may take to come up. */
  upMsMax?: number;
}

/** The routers' part of a NetworkDriver. */
export interface LinuxRouters {
  /** @throws Failure network-clash, network-missing, network-host, host-command, host-output, host-timeout */
  makeRouter(router: HostRouter, networks: readonly HostNetwork[], signal: AbortSignal): Promise<void>;
  removeRouter(name: string, signal: AbortSignal): Promise<void>;
  /** Names of those that are there, whole or half. */
  readRouters(signal: AbortSignal): Promise<string[]>;
  examineRouter(name: string, signal: AbortSignal): Promise<string[]>;
  /** What its leg outside has by DHCP now; where that is nothing, why. */
  readGiven(name: string, signal: AbortSignal): Promise<GivenOutside>;
  readLeases(name: string, signal: AbortSignal): Promise<Lease[]>;
  /** Tell when the address that one has by DHCP may have changed. Returns what ends it. */
  watch(onChange: () => void): () => void;
}

type Before = Awaited<ReturnType<typeof readNamespace>>;

const UP_MS_MAX = 10_000;
const UNDO_MS_MAX = 60_000;

/** Routers as network namespaces, with nftables, dnsmasq and haproxy in them. */
export function linuxRouters(deps: LinuxRoutersDeps): LinuxRouters {
  const placeOf = (given: string): Place => {
    // It becomes a path.
    const name = RouterName.parse(given);
    const { run, host, upMsMax = UP_MS_MAX } = deps;
    return placeIn(namespaceOf(name), { run, host, upMsMax, folder: join(deps.folder, name) });
  };

  const watches = outsideWatches();

  const foldersOf = async (): Promise<string[]> =>
    (await namesIn(deps.folder)).filter((name) => RouterName.safeParse(name).success);

  async function makeRouter(given: HostRouter, networks: readonly HostNetwork[], signal: AbortSignal): Promise<void> {
    const plan = planRouter(given, networks, deps.host);
    const { name } = plan.router;
    const wasThere = (await foldersOf()).includes(name);
    const { standing, links } = await readNamespace(deps.run, name, signal);
    if (standing === 'foreign' || (standing !== 'whole' && standing !== 'none' && !wasThere))
      throw new Failure('network-clash', { what: 'a network namespace', name: namespaceOf(name), host: deps.host });
    try {
      await keep(placeOf(name), { plan, networks, standing, links }, signal);
    } catch (error) {
      if (!wasThere && standing === 'none') await undo(name);
      throw error;
    }
  }

  /** What a call that failed made is taken away, also when its time is over. */
  async function undo(name: string): Promise<void> {
    try {
      await removeRouter(name, AbortSignal.timeout(UNDO_MS_MAX));
    } catch (error) {
      deps.log.warn({ router: name, problem: messageOf(error) }, 'what was made of a router is still there');
    }
  }

  async function keep(
    place: Place,
    { plan, networks, standing, links }: Before & { plan: RouterPlan; networks: readonly HostNetwork[] },
    signal: AbortSignal,
  ): Promise<void> {
    const { group } = deps;
    const { name } = plan.router;
    await keepFolder(deps.folder);
    await keepFolder(place.folder);
    await keepPlan(place, plan, networks);
    await keepNamespace(deps.run, { router: name, standing, group }, signal);
    // Rules first: there is no moment in which a leg is up without them.
    await keepRules(place, withGiven(plan, links), signal);
    const isGiven = plan.outside?.isGiven === true;
    if (!isGiven) {
      watches.end(name);
      await endOutside(place, signal);
    }
    await keepLegs(place, plan, { links, group }, signal);
    if (isGiven) {
      watches.begin(name, place.folder);
      await keepOutside(place, plan, { links }, signal);
    }
    await takeLeasesBack(deps.folder, name);
    await keepNaming(place, plan, signal);
    await keepIngress(place, plan, signal);
  }

  async function removeRouter(name: string, signal: AbortSignal): Promise<void> {
    const place = placeOf(name);
    watches.end(name);
    const { standing, links } = await readNamespace(deps.run, name, signal);
    const isOurs = (await foldersOf()).includes(name);
    if (standing === 'whole' || isOurs)
      for (const service of ['udhcpc', 'dnsmasq', 'haproxy'] as const) await end(place, { name: service }, signal);
    if (standing === 'whole') await keepLegs(place, undefined, { links, group: deps.group }, signal);
    if (standing === 'whole' || (isOurs && (standing === 'bare' || standing === 'broken')))
      await deleteNamespace(deps.run, name, signal);
    await deleteEnds(deps.run, { router: name, group: deps.group }, signal);
    if (isOurs) await putLeasesAside(deps.folder, name, Date.now());
    await rm(place.folder, { recursive: true, force: true });
  }

  return {
    makeRouter,
    removeRouter,
    readRouters: async (signal) =>
      [...new Set([...(await foldersOf()), ...(await markedNamespaces(deps.run, signal))])].toSorted(),
    examineRouter: (name, signal) => examineRouter(placeOf(name), deps.group, signal),
    readGiven: (name, signal) => readGiven(placeOf(name), name, signal),
    readLeases: (name) => readLeases(placeOf(name)),
    watch: watches.watch,
  };
}
