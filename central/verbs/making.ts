import type { SiteHost } from '#central/inventory/known-site.ts';
import { setAddress } from '#central/networks/network-changes.ts';
import { Failure } from '#shared/errors.ts';
import type { Guest } from '#shared/model/guest.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { May } from '#shared/verb/policy.ts';
import type { Call } from '#shared/verb/request.ts';
import type { cloningVerbs, placedVerbs } from '#shared/verbs/fleet.ts';
import { makingVerbs } from '#shared/verbs/making.ts';
import { type AgentJobDeps, carryOutJob } from './agent-job.ts';
import { type AttachDeps, attaching } from './attach.ts';
import { guestAnswer } from './passed.ts';
import { reportedGuest } from './reported.ts';
import { knownHost } from './site.ts';

export type MakingDeps = AttachDeps & AgentJobDeps & { may: May };
type Making = Pick<typeof placedVerbs, 'guest.create'> & typeof cloningVerbs;

/**
 * Guests made of images and of other guests: the host makes the guest, as a job of its own; when central hears of it, it has its
 * address. A job that goes on after a restart asks the same of the host again, which does it once.
 */
export function makingHandlers(deps: MakingDeps): Handlers<Making> {
  const { networks, site, may } = deps;
  const { attach } = attaching(deps);

  const make = async (
    verb: 'guest.create' | 'guest.clone',
    host: SiteHost,
    { ip, ...args }: { ip: readonly string[]; name: string },
    call: Call,
  ): Promise<Guest> => {
    // What would be refused is refused before anything is done.
    if (ip.length > 0) setAddress(networks.state, { guest: args.name, ip }, networks.macs);
    await carryOutJob(deps, host, verb, makingVerbs[verb], args, call);
    const guest = await reportedGuest(site, host.name, ({ name }) => name === args.name, call.signal);
    if (ip.length > 0) {
      call.progress('giving it its address');
      await attach({ guest: guest.contact, ip }, { ...call, operation: `${call.operation} ip` }, setAddress);
    }
    return guestAnswer(site.find(guest.contact) ?? guest);
  };

  return {
    'guest.create': ({ host, ...args }, call) => make('guest.create', knownHost(site, host), args, call),
    'guest.clone': ({ guest: of, ...args }, call) => {
      const { guest, host } = site.guest(of);
      if (!may(call.requester, call.verb, { guest: args.name, host: host.name }))
        throw new Failure('not-permitted', {
          requester: call.requester.bareJid,
          verb: `${call.verb} as ${args.name}`,
        });
      const there = { ...args, guest: guest.name };
      return make('guest.clone', host, there, call);
    },
  };
}
