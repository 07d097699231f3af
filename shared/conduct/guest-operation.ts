import type { Operation } from '#shared/chain/run.ts';
import type { Failure } from '#shared/errors.ts';
import { parameterWord } from '#shared/model/boot-parameter.ts';
import type { ChainNode } from '#shared/model/chain.ts';
import { type GuestState, isActive } from '#shared/model/guest.ts';

/** The verb that carries an operation on a guest out, and its arguments beside the guest. */
export function guestVerbOf({ verb, force }: Operation, { stop, params }: ChainNode) {
  if (verb === 'start') return { verb: 'guest.start', args: startArgs(params) } as const;
  if (force) return { verb: 'guest.poweroff', args: {} } as const;
  return { verb: 'guest.shutdown', args: { waitS: Math.ceil(stop.timeoutMs / 1_000) } } as const;
}

/** Nothing is said where nothing is to be: an agent of before parameters takes that too. */
const startArgs = (params: ChainNode['params']): { params?: string[] } => {
  const words = Object.entries(params).map(([name, value]) => parameterWord({ name, value }));
  return words.length === 0 ? {} : { params: words };
};

/** A start of what is up and a stop of what is down are done. */
export const isSoAlready = ({ code, details }: Failure, { verb }: Operation): boolean =>
  code === 'guest-wrong-state' && isActive(String(details.state) as GuestState) === (verb === 'start');
