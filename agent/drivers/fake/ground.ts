import type { GuestId } from '#agent/drivers/driver.ts';
import type { Clock } from '#shared/clock.ts';
import { Failure } from '#shared/errors.ts';
import type { GuestState } from '#shared/model/guest.ts';
import type { FakeGuest } from './guest.ts';
import type { FakeWorld } from './world.ts';

/** What every part of the driver stands on. */
export interface Ground {
  world: FakeWorld;
  host: string;
  /** @throws Failure guest-not-found */
  found(id: GuestId): FakeGuest;
  read<T>(signal: AbortSignal, answer: () => T): Promise<T>;
  change<T>(signal: AbortSignal, act: () => T): Promise<T>;
  /** Change a guest that is in one of these states. @throws Failure guest-wrong-state */
  act(
    verb: string,
    needed: readonly GuestState[],
    id: GuestId,
    signal: AbortSignal,
    what: (guest: FakeGuest) => void,
  ): Promise<void>;
}

export function groundOf({ world, host, changeMs }: { world: FakeWorld; host: string; changeMs: number }): Ground {
  const found = (id: GuestId): FakeGuest => {
    const guest = world.find(id);
    if (!guest) throw new Failure('guest-not-found', { guest: id.slice(0, 64), host });
    return guest;
  };
  const read = async <T>(signal: AbortSignal, answer: () => T): Promise<T> => {
    signal.throwIfAborted();
    world.reach();
    return answer();
  };
  const change = async <T>(signal: AbortSignal, act: () => T): Promise<T> => {
    signal.throwIfAborted();
    if (changeMs > 0) await pause(world.clock, changeMs / 2, signal);
    world.reach();
    const value = act();
    if (changeMs > 0) await pause(world.clock, changeMs / 2, signal);
    return value;
  };
  return {
    world,
    host,
    found,
    read,
    change,
    act: (verb, needed, id, signal, what) =>
      change(signal, () => {
        const guest = found(id);
        requireState(guest, verb, needed);
        what(guest);
      }),
  };
}

const pause = (clock: Clock, ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const callOff = clock.after(ms, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    const onAbort = (): void => {
      callOff();
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });

export const OFF: readonly GuestState[] = ['shutoff', 'crashed'];
export const ON: readonly GuestState[] = ['running', 'blocked'];
export const ACTIVE: readonly GuestState[] = ['running', 'blocked', 'paused', 'shutdown', 'pmsuspended', 'crashed'];

export function requireState({ record }: FakeGuest, verb: string, needed: readonly GuestState[]): void {
  const { state, definition } = record;
  if (needed.includes(state)) return;
  throw new Failure('guest-wrong-state', { guest: definition.name, state, needed: needed[0], verb });
}

/** Nobody has a guest run here that may still run where it comes from. @throws Failure guest-wrong-state */
export function requireLanded({ record }: FakeGuest, verb: string): void {
  if (!record.arriving) return;
  const { name: guest } = record.definition;
  throw new Failure('guest-wrong-state', {
    guest,
    state: 'on its way from another host',
    needed: 'to have come',
    verb,
  });
}
