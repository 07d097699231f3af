import { createHash } from 'node:crypto';
import type { GuestId } from '#agent/drivers/driver.ts';
import type { Command } from '#agent/exec/run.ts';
import { colonRows } from '#agent/illumos/colon-fields.ts';

/** States of a zone, in the words of zoneadm(8) and zones(7). */
export const ZONE_STATES = [
  'configured',
  'incomplete',
  'installed',
  'ready',
  'mounted',
  'running',
  'shutting_down',
  'down',
] as const;
export type ZoneState = (typeof ZONE_STATES)[number];

export interface Zone {
  id: GuestId;
  name: string;
  state: ZoneState;
  /** Number of a zone that the kernel knows: it changes with every boot. */
  number: number | undefined;
  path: string;
  brand: string;
  ipType: 'shared' | 'exclusive';
}

/** All zones but the global one: configured ones too. */
export const listZones = (): Command => ({ file: 'zoneadm', args: ['list', '-c', '-n', '-p'], timeoutMs: 30_000 });

const FIELDS = ['number', 'name', 'state', 'path', 'uuid', 'brand', 'ipType'] as const;
/** What stands where zoneadm could not find out, as of a zone that went while it looked. */
const UNKNOWN = '???';

/**
 * The zones that `zoneadm list -p` prints, and the lines of those that it could not look up.
 *
 * Shape: zoneid:zonename:state:zonepath:uuid:brand:ip-type, a line a zone, and more fields on some systems; zoneid is `-` where the
 * kernel does not know the zone; a colon of the path is `\:`; a zone that was never installed has no uuid.
 * @throws Failure host-output, naming a line with too few fields
 * Source: zoneadm(8); recorded in test/fixtures/zones/
 */
export function parseZones(stdout: string): { zones: Zone[]; unclear: string[] } {
  const zones: Zone[] = [];
  const unclear: string[] = [];
  for (const row of colonRows({ command: 'zoneadm list', escaped: ':' }, FIELDS, stdout)) {
    if (row.name === 'global') continue;
    const state = ZONE_STATES.find((word) => word === row.state);
    if (row.name === UNKNOWN || state === undefined || row.brand === UNKNOWN)
      unclear.push(Object.values(row).join(':'));
    else zones.push(zoneOf(row, state));
  }
  return { zones, unclear };
}

const zoneOf = (row: Record<(typeof FIELDS)[number], string>, state: ZoneState): Zone => ({
  id: row.uuid === '' ? idOfName(row.name) : row.uuid.toLowerCase(),
  name: row.name,
  state,
  number: /^\d+$/.test(row.number) ? Number(row.number) : undefined,
  path: row.path,
  brand: row.brand,
  ipType: row.ipType.startsWith('excl') ? 'exclusive' : 'shared',
});

/** For a zone that was never installed: it has no uuid of its own. Shape: a UUID of version 8, RFC 9562. */
export function idOfName(name: string): GuestId {
  const hex = createHash('sha256').update(`zone ${name}`).digest('hex');
  const digits = `${hex.slice(0, 12)}8${hex.slice(13, 16)}8${hex.slice(17, 32)}`;
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
