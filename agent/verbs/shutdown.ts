import { Failure } from '#shared/errors.ts';
import { type Guest, isActive } from '#shared/model/guest.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { Call } from '#shared/verb/request.ts';
import type { guestVerbs } from '#shared/verbs/guest.ts';
import { asSeen, type GuestDeps } from './ground.ts';

type Args = Parameters<Handlers<typeof guestVerbs>['guest.shutdown']>[0];

/** A guest that does not react may have missed the question: it is asked again, in another way. */
const ASK_AGAIN_MS = 15_000;
/** What a forced poweroff may take. */
const FORCED_MS_MAX = 30_000;

/**
 * Ask a guest to shut down and wait until it has. A job: it goes on after a restart of the agent, with the guest as it is then.
 *
 * A guest that is off already is done. @throws Failure guest-not-stopped
 */
export async function shutDown(deps: GuestDeps, { guest: name, waitS, forceAfterS }: Args, call: Call): Promise<Guest> {
  const { inventory } = deps;
  const limitMs = Math.min(waitS, forceAfterS ?? waitS) * 1000;
  const stopped = whenOff(deps, inventory.guest(name));
  try {
    const guest = await asSeen(deps, name, (state) => isActive(state) && state !== 'paused', call.signal);
    if (!isActive(guest.state)) return guest;
    if (guest.state === 'paused')
      throw new Failure('guest-wrong-state', { guest: name, state: 'paused', needed: 'running', verb: call.verb });
    if (await asking(deps, guest, limitMs, stopped.promise, call)) return await asItIs(deps, guest, call);
    if (forceAfterS === undefined)
      throw new Failure('guest-not-stopped', {
        guest: name,
        state: inventory.find(name)?.state ?? 'gone',
        waitedS: waitS,
      });
    call.progress(`still up after ${forceAfterS} s: powering it off`);
    await force(deps, guest, call);
    return await asItIs(deps, guest, call);
  } finally {
    stopped.off();
  }
}

/** Ask, again and again, until it is off (true) or the time is over (false). */
async function asking(
  deps: GuestDeps,
  guest: Guest,
  limitMs: number,
  stopped: Promise<void>,
  call: Call,
): Promise<boolean> {
  const { driver } = deps;
  const begunAt = performance.now();
  for (let again = 1; ; again++) {
    try {
      await driver.shutdownGuest(guest.uuid, { again }, call.signal);
      call.progress(again === 1 ? 'asked to shut down' : `asked ${again} times`);
    } catch (error) {
      if (await wentOff(deps, guest, error, call)) return true;
      // It was asked before; a hypervisor that is away for a moment is no reason to give up.
      if (again === 1 || !(error instanceof Failure && PASSING.has(error.code))) throw error;
      call.progress(`could not be asked again: ${error.message}`);
    }
    const leftMs = limitMs - (performance.now() - begunAt);
    if (await within(stopped, Math.min(leftMs, ASK_AGAIN_MS), call.signal)) return true;
    if (leftMs <= ASK_AGAIN_MS) return false;
  }
}

const PASSING: ReadonlySet<string> = new Set(['host-unreachable', 'host-timeout']);

/** It is not in the state for this any more because it did what was wanted. */
async function wentOff({ inventory }: GuestDeps, guest: Guest, error: unknown, call: Call): Promise<boolean> {
  if (!(error instanceof Failure) || (error.code !== 'guest-wrong-state' && error.code !== 'guest-not-found'))
    return false;
  const now = await inventory.refresh(guest.uuid, call.signal);
  return now === undefined || !isActive(now.state);
}

async function force(deps: GuestDeps, guest: Guest, call: Call): Promise<void> {
  try {
    await deps.driver.poweroffGuest(guest.uuid, AbortSignal.any([call.signal, AbortSignal.timeout(FORCED_MS_MAX)]));
  } catch (error) {
    if (!(await wentOff(deps, guest, error, call))) throw error;
  }
}

/** @returns whether it happened in time @throws the signal's reason */
async function within(event: Promise<void>, ms: number, signal: AbortSignal): Promise<boolean> {
  const over = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => over.resolve(false), Math.max(0, ms));
  const abort = (): void => over.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([event.then(() => true), over.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}

function whenOff({ inventory }: GuestDeps, guest: Guest): { promise: Promise<void>; off: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const off = inventory.onChange(({ id, after }) => {
    if (id === guest.uuid && (!after || !isActive(after.state))) resolve();
  });
  return { promise, off };
}

const asItIs = async ({ inventory }: GuestDeps, guest: Guest, call: Call): Promise<Guest> =>
  (await inventory.refresh(guest.uuid, call.signal)) ?? { ...guest, state: 'shutoff' };
