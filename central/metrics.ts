import type { Registry } from 'prom-client';
import { countedBy, tally } from '#shared/metrics/program.ts';
import type { Site } from './inventory/site.ts';

/** What central knows of the site, for Prometheus. Guests are counted as they were known last, also of hosts that are silent. */
export function siteMetrics(registry: Registry, site: Site): void {
  countedBy(registry, 'skerry_hosts', 'Hosts, by how they are reached: heard, stale, unreachable.', 'reach', () =>
    tally(site.hosts().map(({ reach }) => reach)),
  );
  countedBy(registry, 'skerry_guests', 'Guests of the site, by state.', 'state', () => tally(states(site)));
}

function* states(site: Site): Generator<string, void, undefined> {
  for (const { guest } of site.eachGuest()) yield guest.state;
}
