import type { IllumosHost } from './host.ts';
import type { HostState, Zone } from './state.ts';
import { bootZone, endZone, readyZone } from './zone-life.ts';

/**
 * Bring a host up to now: shutdowns that have come to their end, zones that went down to come up again.
 *
 * A zone that was asked to shut down is `running` while its services stop, then `shutting_down`, and `down` at the very end.
 * Source: zones(7), "Zone States"
 */
export function settle(state: HostState, now: number): void {
  for (const zone of state.zones) if (zone.kernel?.stopsAt !== undefined) advance(state, zone, now);
}

function advance(state: HostState, zone: Zone, now: number): void {
  const kernel = zone.kernel!;
  const from = kernel.shutdownFrom ?? now;
  const share = (now - from) / Math.max(1, kernel.stopsAt! - from);
  if (share < 0.5) return;
  if (share < 1) {
    kernel.state = share < 0.9 ? 'shutting_down' : 'down';
    return;
  }
  const { reboots, bootArgs } = kernel;
  endZone(state, zone);
  if (reboots && readyZone(state, zone, now) === undefined) bootZone(state, zone, bootArgs, now);
}

/** Ask it to go down: its services end, or do not, and then it ends. */
export function askToStop(state: HostState, zone: Zone, now: number, reboots: boolean): void {
  const kernel = zone.kernel;
  if (!kernel || kernel.stopsAt !== undefined || state.settings.deaf.includes(zone.name)) return;
  Object.assign(kernel, { shutdownFrom: now, stopsAt: now + state.settings.shutdownMs, reboots });
}

/**
 * The host goes down at once and comes up: what was temporary is gone, no zone runs, and those with autoboot are booted,
 * in no order.
 * Source: svc-zones, the method of svc:/system/zones
 */
export function rebootHost(host: IllumosHost): string[] {
  return host.change((state) => {
    for (const zone of state.zones) endZone(state, zone);
    state.links = state.links.filter((link) => link.persistent);
    for (const link of state.links) Object.assign(link, { active: true, temporaryProperties: {} });
    state.flows = state.flows.filter((flow) => flow.persistent);
    for (const stack of Object.values(state.stacks)) {
      stack.interfaces = stack.interfaces.filter((one) => one.persistent);
      for (const one of stack.interfaces) one.temporaryProperties = {};
      stack.addresses = stack.addresses.filter((one) => one.persistent);
      stack.routes = stack.routes.filter((one) => one.persistent);
    }
    state.next.zoneId = 1;
    if (state.services.global?.['svc:/system/zones:default'] !== 'online') return [];
    const order = stirred(state).filter((zone) => zone.state === 'installed' && zone.config.autoboot);
    const now = Date.now();
    const booted = order.filter((zone) => readyZone(state, zone, now) === undefined);
    for (const zone of booted) bootZone(state, zone, '', now);
    return booted.map((zone) => zone.name);
  });
}

/** Another order each time, the same for the same seed. */
function stirred(state: HostState): Zone[] {
  const zones = [...state.zones];
  for (let at = zones.length - 1; at > 0; at--) {
    state.settings.seed = (Math.imul(state.settings.seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    const other = state.settings.seed % (at + 1);
    [zones[at], zones[other]] = [zones[other]!, zones[at]!];
  }
  return zones;
}
