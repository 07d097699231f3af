import type { GuestState } from '#shared/model/guest.ts';
import type { ZoneState } from './zone-list.ts';

/**
 * Words of zones, and ours.
 *
 * A zone that is ready has its place in the kernel and no process: a guest that was started with its CPUs stopped. One that is mounted is
 * being worked on from outside, and off.
 */
export const GUEST_STATE: Readonly<Record<ZoneState, GuestState>> = {
  configured: 'shutoff',
  incomplete: 'shutoff',
  installed: 'shutoff',
  ready: 'paused',
  mounted: 'shutoff',
  running: 'running',
  shutting_down: 'shutdown',
  down: 'shutdown',
};

/** States that say more in their own word than in ours. */
const TOLD: ReadonlySet<ZoneState> = new Set(['configured', 'incomplete', 'mounted', 'down']);

export const stateOf = (state: ZoneState): { state: GuestState; reason?: string } => ({
  state: GUEST_STATE[state],
  ...(TOLD.has(state) ? { reason: state } : {}),
});
