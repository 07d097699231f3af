import xml, { type Element } from '@xmpp/xml';
import type { SiteGuest } from '#central/inventory/known-site.ts';
import { hostState } from '#central/inventory/selector.ts';
import { type GuestState, hasCrashed } from '#shared/model/guest.ts';

/** How a guest's state shows in a roster (RFC 6121 section 4.7.2.1); undefined: plainly available. */
const SHOW: Readonly<Record<GuestState, 'away' | 'xa' | 'dnd' | undefined>> = {
  running: undefined,
  blocked: undefined,
  paused: 'away',
  pmsuspended: 'away',
  shutdown: 'away',
  shutoff: 'xa',
  crashed: 'dnd',
};

/** Presence of a guest: where it is (the resource), how it is, and that in words. */
export function guestPresence(site: SiteGuest, domain: string): Element {
  const from = `${site.contact}@${domain}/${site.host.name}`;
  if (isUnreachable(site))
    return xml('presence', { from, type: 'unavailable' }, xml('status', {}, unreachableText(site)));
  const show = hasCrashed(site.guest) ? 'dnd' : SHOW[site.guest.state];
  return xml('presence', { from }, show ? xml('show', {}, show) : undefined, xml('status', {}, statusText(site)));
}

export const isUnreachable = ({ host }: SiteGuest): boolean => hostState(host) === 'unreachable';

const unreachableText = ({ host }: SiteGuest): string => `${host.name} unreachable since ${clockTime(host.since)}`;

/** `12:04`, in UTC, which all who read it share. */
const clockTime = (at: string): string => `${at.slice(11, 16)} UTC`;

export function statusText({ guest, host }: SiteGuest): string {
  const doubt = host.reach === 'stale' ? [`as of ${clockTime(host.heardAt ?? host.since)}`] : [];
  return [...words(guest), ...doubt].join(' · ');
}

function words({ state, reason, vcpus, memoryMiB, addresses }: SiteGuest['guest']): string[] {
  if (state === 'running' || state === 'blocked')
    return ['running', `${vcpus} vCPU`, `${memoryMiB} MiB`, ...addresses.slice(0, 2)];
  if (hasCrashed({ state, reason }))
    return [reason === 'crashed' || reason === undefined ? 'crashed' : `crashed: ${reason}`];
  if (state === 'shutoff') return ['off', ...(reason && reason !== 'shutdown' ? [reason] : [])];
  if (state === 'shutdown') return ['shutting down'];
  return [state, ...(reason ? [reason] : [])];
}
