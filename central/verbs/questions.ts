import { deleteNetwork, someOf } from '#central/networks/network-changes.ts';
import type { Networks } from '#central/networks/networks.ts';
import { deleteRouter } from '#central/networks/router-changes.ts';
import { networkNamed, routerNamed } from '#central/networks/rules.ts';
import { portsOn } from '#central/networks/state.ts';
import { Failure } from '#shared/errors.ts';
import type { Questions } from '#shared/verb/confirm.ts';
import type { CentralVerbs } from '#shared/verbs/central.ts';
import { type FleetDeps, fleetQuestions } from './fleet.ts';
import { requireAll } from './network.ts';
import { knownHost } from './site.ts';

/**
 * What is asked before central does what may lose work. In which state a guest is, its agent knows: that is looked at when it is
 * carried out.
 */
export function siteQuestions(
  deps: Omit<FleetDeps, 'perform'> & { networks: Pick<Networks, 'state'> },
): Questions<CentralVerbs> {
  const { site, networks, may } = deps;
  const ofGuest = ({ guest }: { guest: string }): undefined => {
    const { host } = site.guest(guest);
    if (host.reach === 'unreachable')
      throw new Failure('host-unreachable', { host: host.name, problem: host.problem ?? 'it is not heard' });
  };
  return {
    ...fleetQuestions(deps),
    'guest.poweroff': ofGuest,
    'guest.delete': ofGuest,
    'network.stop': ({ network }, { requester }) => {
      const { name } = networkNamed(networks.state, network);
      const guests = portsOn(networks.state, name).map(({ guest }) => guest);
      const seen = guests.filter((guest) => may(requester, 'guest.info', { guest }));
      return seen.length === 0 ? undefined : `network stop ${name}, which cuts off ${someOf(seen)},`;
    },
    'network.delete': ({ network }, asking) => {
      requireAll(may, asking);
      deleteNetwork(networks.state, network);
      return `network delete ${network}`;
    },
    'router.delete': ({ router }, asking) => {
      requireAll(may, asking);
      deleteRouter(networks.state, router);
      const { own } = routerNamed(networks.state, router);
      return own === null ? `router delete ${router}` : `router delete ${router} with its network ${own}`;
    },
    'host.forget': ({ host }) => {
      const { name, known } = knownHost(site, host);
      const count = known.guests.size;
      return count === 0 ? undefined : `host forget ${name} with its ${count} ${count === 1 ? 'guest' : 'guests'}`;
    },
  };
}
