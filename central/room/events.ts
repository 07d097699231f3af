import type { SiteChange, SiteGuest, SiteHost } from '#central/inventory/known-site.ts';
import { type Guest, type GuestState, hasCrashed } from '#shared/model/guest.ts';

import type { Doers } from './doers.ts';

/** What the room is told. `what`: as it is said of one (`running`), and what many of one host are gathered by. */
export interface RoomEvent {
  subject: string;
  what: string;
  /** Undefined where the subject is a host. */
  host?: string;
}

/** `blocked` is how a running guest waits for its disk; `shutdown` comes just before `shutoff`. */
const SAID: Readonly<Record<GuestState, string | undefined>> = {
  running: 'running',
  blocked: 'running',
  paused: 'paused',
  shutdown: undefined,
  shutoff: 'shut off',
  crashed: 'crashed',
  pmsuspended: 'asleep',
};

const saidOf = (guest: Guest): string | undefined => (hasCrashed(guest) ? SAID.crashed : SAID[guest.state]);

/**
 * What people want to hear of a change; undefined for the rest: figures, tags, what is only known anew.
 * @param doer who had it done to a guest, where that is known
 */
export function eventOf(change: SiteChange, doer: Doers['of'] = () => undefined): RoomEvent | undefined {
  if (change.what === 'host') return hostEvent(change.name, change.before, change.after);
  const event = guestEvent(change.contact, change.before, change.after);
  const by = event && doer(event.subject, event.what);
  return event === undefined || by === undefined ? event : { ...event, what: `${event.what}, by ${by}` };
}

function guestEvent(
  subject: string,
  before: SiteGuest | undefined,
  after: SiteGuest | undefined,
): RoomEvent | undefined {
  if (!after) return before && { subject, what: 'gone', host: before.host.name };
  const host = after.host.name;
  if (!before) return { subject, what: 'new', host };
  if (before.host.name !== host) return { subject, what: `moved from ${before.host.name}`, host };
  const what = saidOf(after.guest);
  // Why a guest is off may be forgotten, as when the hypervisor is started anew: nothing happened.
  const isOffAsBefore = what === SAID.shutoff && saidOf(before.guest) === SAID.crashed;
  return what === undefined || what === saidOf(before.guest) || isOffAsBefore ? undefined : { subject, what, host };
}

function hostEvent(subject: string, before: SiteHost | undefined, after: SiteHost | undefined): RoomEvent | undefined {
  if (!after) return before && { subject, what: 'gone' };
  if (!before) return { subject, what: 'new' };
  const [was, is] = [wordOf(before), wordOf(after)];
  return was === is ? undefined : { subject, what: is };
}

function wordOf({ reach, known }: SiteHost): string {
  if (reach === 'unreachable') return 'unreachable';
  return known.facts?.state === 'degraded' ? 'degraded' : 'back';
}
