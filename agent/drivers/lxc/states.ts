import { Failure } from '#shared/errors.ts';
import type { GuestState } from '#shared/model/guest.ts';

/** LXC's words for the state of a zone, and ours. */
const STATES = {
  STOPPED: 'shutoff',
  STARTING: 'running',
  RUNNING: 'running',
  STOPPING: 'shutdown',
  ABORTING: 'shutdown',
  FREEZING: 'running',
  FROZEN: 'paused',
  THAWED: 'running',
} as const satisfies Record<string, GuestState>;
export type ZoneState = keyof typeof STATES;

/** @throws Failure host-output for a word that is none of LXC's */
export function zoneState(word: string): ZoneState {
  if (!Object.hasOwn(STATES, word))
    throw new Failure('host-output', { problem: `LXC called a state ${JSON.stringify(word)}` });
  return word as ZoneState;
}

export const guestState = (state: ZoneState): GuestState => STATES[state];
