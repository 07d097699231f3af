import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Run } from '#agent/exec/run.ts';
import { keepFolder, namesIn } from '#agent/files/folder.ts';
import type { Link } from '#agent/networks/linux/links.ts';
import type { OpenVSwitch } from '#agent/networks/linux/openvswitch/switch.ts';
import { runningNow } from '#agent/services/running.ts';
import { endProcesses } from '#agent/services/services.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { type GivenOutside, type HostNetwork, type HostRouter, type Lease, RouterName } from '#shared/model/network.ts';
import { loadRules } from './firewall.ts';
import { keepIngress } from './ingress.ts';
import { deletePlace, keepLegs } from './joining.ts';
import { putLeasesAside, takeLeasesBack } from './kept-leases.ts';
import {
  addNamespace,
  markedNamespaces,
  readHostLinks,
  readNamespace,
  readRoutes,
  type Standing,
  setNamespace,
} from './namespace.ts';
import { keepNaming, layNaming } from './naming.ts';
import { endOutside, keepOutside, withGiven } from './outside.ts';
import { outsideWatches } from './outside-watches.ts';
import { type Place, placeIn } from './place.ts';
import { namespaceOf, planRouter, type RouterPlan } from './plan.ts';
import { examineRouter, keepPlan, readGiven, readLeases } from './standing.ts';
import { together } from './together.ts';

export interface LinuxRoutersDeps {
  run: Run;
  /** What realises bridges; without it, the kernel's own. */
  openvswitch?: OpenVSwitch;
  /** Where routers keep their files and leases, a folder for each. */
  folder: string;
  /** Name of this host, for failures. */
  host: string;
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

interface Before {
  standing: Standing;
  /** Those in the namespace. */
  links: readonly Link[];
  host: ReadonlyMap<string, Link>;
}

const SERVICES = ['udhcpc', 'dnsmasq', 'haproxy'].map((name) => ({ name }));
const UP_MS_MAX = 10_000;
const UNDO_MS_MAX = 60_000;

/** Routers as network namespaces, with nftables, dnsmasq and haproxy in them. */
export function linuxRouters(deps: LinuxRoutersDeps): LinuxRouters {
  const placeOf = (given: string): Place => {
    // It becomes a path.
    const name = RouterName.parse(given);
    const { run, host, openvswitch, upMsMax = UP_MS_MAX } = deps;
    const place = placeIn(namespaceOf(name), { run, host, upMsMax, folder: join(deps.folder, name) });
    return openvswitch ? { ...place, openvswitch } : place;
  };

  const watches = outsideWatches();

  const foldersOf = async (): Promise<string[]> =>
    (await namesIn(deps.folder)).filter((name) => RouterName.safeParse(name).success);

  async function makeRouter(given: HostRouter, networks: readonly HostNetwork[], signal: AbortSignal): Promise<void> {
    const plan = planRouter(given, networks, deps.host);
    const { name } = plan.router;
    const wasThere = (await foldersOf()).includes(name);
    const before = await readBefore(name, signal);
    const { standing } = before;
    if (standing === 'foreign' || (standing !== 'whole' && standing !== 'none' && !wasThere))
      throw new Failure('network-clash', { what: 'a network namespace', name: namespaceOf(name), host: deps.host });
    try {
      await keep(placeOf(name), { plan, networks, ...before }, signal);
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

  async function readBefore(name: string, signal: AbortSignal): Promise<Before> {
    const [inside, host] = await Promise.all([readNamespace(deps.run, name, signal), readHostLinks(deps, signal)]);
    return { ...inside, host };
  }

  async function keep(
    place: Place,
    { plan, networks, ...before }: Before & { plan: RouterPlan; networks: readonly HostNetwork[] },
    signal: AbortSignal,
  ): Promise<void> {
    const { name } = plan.router;
    await keepFolder(deps.folder);
    await keepFolder(place.folder);
    await keepPlan(place, plan, networks);
    // Of one that is new nobody reads yet what there is to serve; one that is there serves nothing before it has the legs.
    const isNew = before.standing !== 'whole';
    const [readBack] = await together([keepGround(place, plan, before, signal), isNew && layNaming(place, plan)]);
    if (!isNew) await layNaming(place, plan);
    await takeLeasesBack(deps.folder, name);
    // Services share files of their supervisors: one after the other.
    await together([readBack(), keepNaming(place, plan, signal).then(() => keepIngress(place, plan, signal))]);
  }

  /** Its namespace, rules and legs. */
  async function keepGround(
    place: Place,
    plan: RouterPlan,
    { standing, links, host }: Before,
    signal: AbortSignal,
  ): Promise<() => Promise<void>> {
    const { name } = plan.router;
    const isNew = standing !== 'whole';
    await addNamespace(deps.run, { router: name, standing }, signal);
    // Rules first: there is no moment in which a leg is up without them.
    const [readBack, routes] = await together([
      loadRules(place, withGiven(plan, links), isNew, signal),
      isNew ? [] : readRoutes(deps.run, place.namespace, signal),
      setNamespace(deps.run, { router: name, standing }, signal),
    ]);
    const isGiven = plan.outside?.isGiven === true;
    if (!isGiven) {
      watches.end(name);
      await endOutside(place, signal);
    }
    await keepLegs(place, plan, { inside: links, host, routes }, signal);
    if (!isGiven) return readBack;
    await readBack();
    watches.begin(name, place.folder);
    await keepOutside(place, plan, { links }, signal);
    return async () => {};
  }

  async function removeRouter(name: string, signal: AbortSignal): Promise<void> {
    const place = placeOf(name);
    watches.end(name);
    const [{ standing, links, host }, running] = await together([
      readBefore(name, signal),
      runningNow(place, SERVICES, signal),
    ]);
    const isOurs = (await foldersOf()).includes(name);
    if (standing === 'whole' || isOurs) await endProcesses(place, running, SERVICES, signal);
    const isDeleted = standing === 'whole' || (isOurs && (standing === 'bare' || standing === 'broken'));
    await deletePlace(place, name, { inside: isDeleted ? links : undefined, host }, signal);
    if (isOurs) await putLeasesAside(deps.folder, name, Date.now());
    await rm(place.folder, { recursive: true, force: true });
  }

  return {
    makeRouter,
    removeRouter,
    readRouters: async (signal) =>
      [...new Set([...(await foldersOf()), ...(await markedNamespaces(deps.run, signal))])].toSorted(),
    examineRouter: (name, signal) => examineRouter(placeOf(name), signal),
    readGiven: (name, signal) => readGiven(placeOf(name), name, signal),
    readLeases: (name) => readLeases(placeOf(name)),
    watch: watches.watch,
  };
}
