import { Failure } from '#shared/errors.ts';
import type { GuestState } from '#shared/model/guest.ts';

/** virsh's words for virDomainState, and ours. `no state` is what Xen says of a guest that waits its turn. */
const STATES: Readonly<Record<string, GuestState>> = {
  'no state': 'running',
  running: 'running',
  idle: 'blocked',
  paused: 'paused',
  'in shutdown': 'shutdown',
  'shut off': 'shutoff',
  crashed: 'crashed',
  pmsuspended: 'pmsuspended',
};

/** The words as virsh prints them, for patterns. */
export const STATE_WORDS = Object.keys(STATES);

/** Why a guest is in its state, in virsh's words, by the number that `domstats` gives. Place 0 is `unknown`. */
const REASONS: readonly (readonly [GuestState, readonly string[]])[] = [
  ['running', []],
  [
    'running',
    [
      'booted',
      'migrated',
      'restored',
      'from snapshot',
      'unpaused',
      'migration canceled',
      'save canceled',
      'event wakeup',
      'crashed',
      'post-copy',
      'post-copy failed',
    ],
  ],
  ['blocked', []],
  [
    'paused',
    [
      'user',
      'migrating',
      'saving',
      'dumping',
      'I/O error',
      'watchdog',
      'from snapshot',
      'shutting down',
      'creating snapshot',
      'crashed',
      'starting up',
      'post-copy',
      'post-copy failed',
      'API error',
    ],
  ],
  ['shutdown', ['user']],
  ['shutoff', ['shutdown', 'destroyed', 'crashed', 'migrated', 'saved', 'failed', 'from snapshot', 'daemon']],
  ['crashed', ['panicked']],
  ['pmsuspended', []],
];

/** A state and, where there is one, its reason. */
export interface StateAndReason {
  state: GuestState;
  reason?: string;
}

/**
 * What `virsh domstate --reason` prints.
 *
 * Shape: `STATE (REASON)`, the reason `unknown` where there is none.
 * @throws Failure host-output
 */
export function parseState(stdout: string): StateAndReason {
  const [, word = '', reason] = /^([a-z ]+?)(?: \((.*)\))?\s*$/.exec(stdout) ?? [];
  const state = STATES[word];
  if (!state) throw new Failure('host-output', { problem: `virsh domstate printed ${JSON.stringify(stdout)}` });
  return reason === undefined || reason === 'unknown' ? { state } : { state, reason };
}

/**
 * The state that `domstats` gives as two numbers.
 *
 * @throws Failure host-output
 * Source: virDomainState and its reasons in libvirt's libvirt-domain.h
 */
export function stateOf(number: number, reasonNumber: number): StateAndReason {
  const row = REASONS[number];
  if (!row) throw new Failure('host-output', { problem: `virsh domstats printed state.state=${number}` });
  const [state, reasons] = row;
  const reason = reasonNumber > 0 ? reasons[reasonNumber - 1] : undefined;
  return reason === undefined ? { state } : { state, reason };
}
