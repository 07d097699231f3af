import type { Registry } from 'prom-client';
import { countedBy, numbered, tally } from '#shared/metrics/program.ts';
import type { Inventory } from './inventory/inventory.ts';

/** What an agent knows of its host, for Prometheus. */
export function hostMetrics(registry: Registry, inventory: Inventory): void {
  countedBy(registry, 'skerry_guests', 'Guests of this host, by state.', 'state', () =>
    tally(inventory.guests().map(({ state }) => state)),
  );
  numbered(registry, 'skerry_hypervisor_up', 'Whether the hypervisor answers: 1 or 0.', () =>
    Number(inventory.state === 'up'),
  );
}
