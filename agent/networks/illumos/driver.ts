import { join } from 'node:path';
import type { Logger } from 'pino';
import { type GroundOptions, groundOf } from '#agent/drivers/zones/ground-of.ts';
import { recover } from '#agent/drivers/zones/recovering.ts';
import { bridgeOfOver, skerryLink } from '#agent/illumos/link-names.ts';
import type { NetworkDriver } from '#agent/networks/driver.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import type { HostRouter } from '#shared/model/network.ts';
import { guardVnics } from './guards.ts';
import { marksIn } from './marks.ts';
import { examineRouter, makeRouter, type RouterTools, readLeases, removeRouter } from './routers.ts';
import { makeStub, readVnics, requireOutside, type StubTools, stubsThere, unmakeStub } from './stubs.ts';
import { watchLinks } from './watch.ts';

export interface IllumosNetworksOptions extends GroundOptions {
  run: NonNullable<GroundOptions['run']>;
  log: GroundOptions['log'] & Pick<Logger, 'warn'>;
  /** How long a change by others may go unnoticed. */
  lookMs?: number;
}

const LOOK_MS = 5_000;

/** Networks of illumos: etherstubs, vnics, and router zones, by dladm, ipadm, zoneadm and zonecfg. As root in the global zone. */
export function illumosNetworks(options: IllumosNetworksOptions): NetworkDriver {
  const { run, host, log, stateFolder } = options;
  const undoFailed = (what: string, error: unknown): void =>
    log.warn({ what, problem: messageOf(error) }, 'part of a network could not be taken back');
  const stubs: StubTools = { run, host, undoFailed, marks: marksIn(join(stateFolder, 'networks')) };
  const ground = groundOf(options, () => {});
  const routers: RouterTools = {
    ...{ ground, host, folder: join(stateFolder, 'routers') },
    marks: marksIn(join(stateFolder, 'router-marks')),
  };
  const closed = new AbortController();
  const recovered = recover(ground, closed.signal).catch((error: unknown) => {
    if (!closed.signal.aborted) log.warn({ err: error }, 'what was cut off could not be read');
  });
  const made = new Map<string, Pick<HostRouter, 'legs'> & { networks: Parameters<typeof readLeases>[2] }>();
  return {
    kind: 'illumos',
    ...networksBy(stubs),
    ...looksBy(host),
    readRealised: async (signal) => ({
      networks: await stubsThere(stubs, signal),
      looks: [],
      routers: await routers.marks.all(),
    }),
    makeRouter: async (router, networks, signal) => {
      await recovered;
      made.set(router.name, { legs: router.legs, networks });
      await makeRouter(routers, router, networks, signal);
    },
    removeRouter: async (name, signal) => {
      await recovered;
      await removeRouter(routers, name, signal);
      made.delete(name);
    },
    examineRouter: (name, signal) => examineRouter(routers, name, signal),
    readGiven: async (router) => ({ router, addresses: [] }),
    readLeases: async (router) => {
      const { legs = [], networks = [] } = made.get(router) ?? {};
      return readLeases(routers, router, networks, legs);
    },
    watch: (onChange, onBreak, signal) =>
      watchLinks(run, { onChange, onBreak, lookMs: options.lookMs ?? LOOK_MS }, signal),
    close: async () => {
      closed.abort(new Error('the driver closes'));
      await recovered;
    },
  };
}

const networksBy = (
  tools: StubTools,
): Pick<NetworkDriver, 'makeNetworks' | 'removeNetworks' | 'guardPorts' | 'readPorts'> => ({
  makeNetworks: async (networks, _ports, signal) => {
    const failed = new Map<string, Failure>();
    for (const network of networks)
      try {
        if (network.kind === 'outside') await requireOutside(tools, network, signal);
        else await makeStub(tools, network, signal);
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        failed.set(network.name, error);
      }
    return failed;
  },
  removeNetworks: async (names, signal) => {
    for (const name of names) await unmakeStub(tools, name, signal);
  },
  guardPorts: (ports, signal) => guardVnics(tools, ports, signal),
  readPorts: async (signal) =>
    (await readVnics(tools, signal)).map(({ network, link, mac }) => ({
      network,
      link: skerryLink(link) ?? bridgeOfOver(link),
      mac,
    })),
});

/** What illumos does not do here: it says so of all that it is to do of it. */
function looksBy(
  host: string,
): Pick<
  NetworkDriver,
  'makeLook' | 'removeLook' | 'enterLook' | 'readUnderlay' | 'readWireguard' | 'keepMesh' | 'reachPeer'
> {
  const cannot = (what: string): Failure => new Failure('network-host', { host, problem: `illumos ${what} here` });
  return {
    makeLook: async () => {
      throw cannot('looks from no network');
    },
    removeLook: async () => {},
    enterLook: () => {
      throw cannot('looks from no network');
    },
    readUnderlay: async () => undefined,
    readWireguard: async () => undefined,
    keepMesh: async (mesh) => {
      if (mesh) throw cannot('has no WireGuard link');
    },
    reachPeer: async () => {
      throw cannot('has no tunnels');
    },
  };
}
