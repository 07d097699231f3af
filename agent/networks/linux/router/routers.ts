import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Run } from '#agent/exec/run.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import type { HostNetwork, HostRouter, Lease } from '#shared/model/network.ts';
import { keepRules } from './firewall.ts';
import { keepFile, keepFolder, namesIn } from './folder.ts';
import { keepLegs } from './joining.ts';
import { deleteNamespace, keepNamespace, markedNamespaces, readNamespace } from './namespace.ts';
import { keepNaming } from './naming.ts';
import { namespaceOf, planRouter, type RouterPlan } from './plan.ts';
import { end, type Place } from './services.ts';

export interface LinuxRoutersDeps {
  run: Run;
  /** Where routers keep their files and leases, a folder for each. */
  folder: string;
  /** Name of this host, for failures. */
  host: string;
  /** Link group that marks links as Skerry's. */
  group: number;
  log: Pick<Logger, 'info' | 'warn'>;
}

/** The routers' part of a NetworkDriver. */
export interface LinuxRouters {
  /** @throws Failure network-clash, network-missing, network-host, host-command, host-output, host-timeout */
  makeRouter(router: HostRouter, networks: readonly HostNetwork[], signal: AbortSignal): Promise<void>;
  removeRouter(name: string, signal: AbortSignal): Promise<void>;
  /** Names of those that are there, whole or half. */
  readRouters(signal: AbortSignal): Promise<string[]>;
  examineRouter(name: string, signal: AbortSignal): Promise<string[]>;
  readLeases(name: string, signal: AbortSignal): Promise<Lease[]>;
}

const UNDO_MS_MAX = 60_000;

/** Routers as network namespaces, with nftables, dnsmasq and haproxy in them. */
export function linuxRouters(deps: LinuxRoutersDeps): LinuxRouters {
  const placeOf = (name: string): Place => ({
    run: deps.run,
    host: deps.host,
    namespace: namespaceOf(name),
    folder: join(deps.folder, name),
  });

  async function makeRouter(given: HostRouter, networks: readonly HostNetwork[], signal: AbortSignal): Promise<void> {
    const plan = planRouter(given, networks, deps.host);
    const { name } = plan.router;
    const wasThere = (await namesIn(deps.folder)).includes(name);
    const { standing, links } = await readNamespace(deps.run, name, signal);
    if (standing === 'foreign' || (standing !== 'whole' && standing !== 'none' && !wasThere))
      throw new Failure('network-clash', { what: 'a network namespace', name: namespaceOf(name), host: deps.host });
    try {
      await keep(placeOf(name), plan, { standing, links }, signal);
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
    plan: RouterPlan,
    { standing, links }: Awaited<ReturnType<typeof readNamespace>>,
    signal: AbortSignal,
  ): Promise<void> {
    const { group } = deps;
    const { name } = plan.router;
    await keepFolder(deps.folder);
    await keepFolder(place.folder);
    await keepFile(join(place.folder, 'router.json'), `${JSON.stringify(plan.router)}\n`);
    await keepNamespace(deps.run, { router: name, standing, group }, signal);
    // Rules first: there is no moment in which a leg is up without them.
    await keepRules(place, plan, signal);
    await keepLegs(place, plan, { links, group }, signal);
    await keepNaming(place, plan, signal);
  }

  async function removeRouter(name: string, signal: AbortSignal): Promise<void> {
    const place = placeOf(name);
    const { standing, links } = await readNamespace(deps.run, name, signal);
    const isOurs = (await namesIn(deps.folder)).includes(name);
    if (standing === 'whole') {
      for (const service of ['dnsmasq', 'haproxy'] as const) await end(place, service, signal);
      await keepLegs(place, undefined, { links, group: deps.group }, signal);
    }
    if (standing === 'whole' || (isOurs && (standing === 'bare' || standing === 'broken')))
      await deleteNamespace(deps.run, name, signal);
    await rm(place.folder, { recursive: true, force: true });
  }

  return {
    makeRouter,
    removeRouter,
    readRouters: async (signal) =>
      [...new Set([...(await namesIn(deps.folder)), ...(await markedNamespaces(deps.run, signal))])].toSorted(),
    examineRouter: async () => [],
    readLeases: async () => [],
  };
}
