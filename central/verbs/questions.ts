import { Failure } from '#shared/errors.ts';
import type { Questions } from '#shared/verb/confirm.ts';
import type { CentralVerbs } from '#shared/verbs/central.ts';
import { type FleetDeps, fleetQuestions } from './fleet.ts';
import { knownHost } from './site.ts';

/**
 * What is asked before central does what may lose work. In which state a guest is, its agent knows: that is looked at when it is
 * carried out.
 */
export function siteQuestions(deps: Omit<FleetDeps, 'perform'>): Questions<CentralVerbs> {
  const { site } = deps;
  const ofGuest = ({ guest }: { guest: string }): undefined => {
    const { host } = site.guest(guest);
    if (host.reach === 'unreachable')
      throw new Failure('host-unreachable', { host: host.name, problem: host.problem ?? 'it is not heard' });
  };
  return {
    ...fleetQuestions(deps),
    'guest.poweroff': ofGuest,
    'guest.delete': ofGuest,
    'host.forget': ({ host }) => {
      const { name, known } = knownHost(site, host);
      const count = known.guests.size;
      return count === 0 ? undefined : `host forget ${name} with its ${count} ${count === 1 ? 'guest' : 'guests'}`;
    },
  };
}
