import { type Guest, isActive } from '#shared/model/guest.ts';
import type { SiteGuestRecord, SiteHostRecord } from '#shared/model/site.ts';
import type { SiteGuest, SiteHost } from './known-site.ts';
import { hostState } from './selector.ts';

/** A guest as verbs answer it: by its name at the site. */
export function guestRecord({ contact, guest, host, tags, title, notes }: SiteGuest): SiteGuestRecord {
  const isHeard = host.reach === 'heard';
  return {
    ...guest,
    name: contact,
    host: host.name,
    ...(title ? { title } : {}),
    ...(tags.length > 0 ? { tags: [...tags] } : {}),
    ...(notes ? { notes } : {}),
    ...(isHeard ? {} : { asOf: host.heardAt ?? host.since }),
  };
}

export function hostRecord(host: SiteHost): SiteHostRecord {
  const { facts, guests } = host.known;
  // How its networks and exports stand is told with those, and what its guests can do at their contacts.
  const { networks: _, exports: __, lacks: ___, boot: ____, ...told } = facts ?? {};
  return {
    cpus: 0,
    memoryMiB: 0,
    driver: 'not known yet',
    hypervisor: 'not known yet',
    uri: '',
    version: '',
    ...told,
    name: host.name,
    state: hostState(host),
    guests: guests.size,
    running: runningOf(guests.values()),
    since: host.since,
    ...(host.tags.length > 0 ? { tags: [...host.tags] } : {}),
    ...(host.title ? { title: host.title } : {}),
    ...(host.notes ? { notes: host.notes } : {}),
    ...problemOf(host),
  };
}

function runningOf(guests: Iterable<Guest>): number {
  let count = 0;
  for (const { state } of guests) if (isActive(state)) count++;
  return count;
}

function problemOf({ reach, problem, known, heardAt }: SiteHost): { problem?: string } {
  const text =
    reach === 'unreachable'
      ? problem
      : known.facts === undefined
        ? 'its agent has not been heard yet'
        : reach === 'stale'
          ? `not heard since central began; this is of ${heardAt ?? 'an earlier time'}`
          : known.facts.problem;
  return text === undefined ? {} : { problem: text };
}
