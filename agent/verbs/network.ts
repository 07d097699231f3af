import type { NetworkDriver, RealisedPort } from '#agent/networks/driver.ts';
import type { NetworkKeeper } from '#agent/networks/keeper.ts';
import { Failure } from '#shared/errors.ts';
import { type GivenOutside, type NetworkTrouble, portLinkOf } from '#shared/model/network.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { hostedNetworkVerbs } from '#shared/verbs/hosted-network.ts';

export interface NetworkDeps {
  networks: NetworkDriver;
  keeper: Pick<NetworkKeeper, 'wanted' | 'standing'>;
}

/** What this host shall realise, and how it stands. */
export function networkHandlers({ networks: driver, keeper }: NetworkDeps): Handlers<typeof hostedNetworkVerbs> {
  const givenTo = (name: string): GivenOutside | undefined =>
    keeper.standing.given?.find(({ router }) => router === name);
  const standingOf = (what: NetworkTrouble['what'], name: string) => {
    const troubles = keeper.standing.troubles.filter((each) => each.what === what && each.name === name);
    const waits = what === 'router' ? givenTo(name)?.problem : undefined;
    const problems = [...troubles.map(({ problem }) => problem), ...(waits === undefined ? [] : [waits])];
    return problems.length === 0
      ? { state: 'up' as const }
      : { state: 'trouble' as const, problem: problems.join('; ') };
  };
  return {
    'network.list': async () =>
      keeper.wanted.networks.map(({ name, kind, link, mtu, tunnel }) => ({
        ...{ name, kind, link, mtu, peers: tunnel?.peers ?? [] },
        ports: keeper.wanted.ports.filter(({ network }) => network === name).length,
        ...standingOf('network', name),
      })),
    'network.examine': async ({ network: name, mac }, { signal }) => {
      const network = keeper.wanted.networks.find((each) => each.name === name);
      if (!network) throw new Failure('network-not-found', { network: name, hint: '' });
      const ports = mac === undefined ? [] : await driver.readPorts(signal);
      const link = ports.find((port) => port.network === name && isPortOf(port, mac))?.link;
      const lost = await Promise.all(
        (network.tunnel?.peers ?? []).map((peer) => driver.reachPeer(peer, network.mtu, signal)),
      );
      return {
        network: name,
        ...standingOf('network', name),
        ...(link === undefined ? {} : { link }),
        isGuarded: keeper.wanted.ports.some((port) => port.network === name && port.mac === mac),
        lost: lost.filter((why) => why !== undefined),
      };
    },
    'network.leases': async ({ network }, { signal }) => {
      const { networks, routers } = keeper.wanted;
      if (network !== undefined && !networks.some(({ name }) => name === network))
        throw new Failure('network-not-found', { network, hint: '' });
      const serving = routers.filter(
        ({ legs }) => network === undefined || legs.some((leg) => leg.network === network),
      );
      const leases = await Promise.all(serving.map(({ name }) => driver.readLeases(name, signal)));
      return leases.flat().filter((lease) => network === undefined || lease.network === network);
    },
    'router.list': async () =>
      keeper.wanted.routers.map(({ name, legs, outside }) => ({
        name,
        networks: legs.map(({ network }) => network),
        addresses: outside?.addresses.length ? outside.addresses : (givenTo(name)?.addresses ?? []),
        ...standingOf('router', name),
      })),
  };
}

/** The MAC of a port is not always known; the name of its link tells it too. */
const isPortOf = ({ mac: known, link }: RealisedPort, mac = ''): boolean => known === mac || link === portLinkOf(mac);
