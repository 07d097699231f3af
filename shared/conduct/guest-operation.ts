import type { Operation } from '#shared/chain/run.ts';
import type { Failure } from '#shared/errors.ts';
import type { ChainNode } from '#shared/model/chain.ts';
import { type GuestState, isActive } from '#shared/model/guest.ts';

/** The verb that carries an operation on a guest out, and its arguments beside the guest. */
export function guestVerbOf({ verb, force }: Operation, { stop }: ChainNode) {
  if (verb === 'start') return { verb: 'guest.start', args: {} } as const;
  if (force) return { verb: 'guest.poweroff', args: {} } as const;
  return { verb: 'guest.shutdown', args: { waitS: Math.ceil(stop.timeoutMs / 1_000) } } as const;
}

/** A start of what is up and a stop of what is down are done. */
export const isSoAlready = ({ code, details }: Failure, { verb }: Operation): boolean =>
  code === 'guest-wrong-state' && isActive(String(details.state) as GuestState) === (verb === 'start');
