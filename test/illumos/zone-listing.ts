import { type Call, ERR, OK, options, USAGE } from './call.ts';
import { escaped } from './columns.ts';
import { GLOBAL, type HostState, type Race, wordOf, type Zone, zoneNamed } from './state.ts';

/** `zoneadm list`. Source: zoneadm(8), `list`; the races: zoneadm.c, comments of fetch_zents and lookup_zone_info. */
export function listZones(call: Call, target: string | undefined): number {
  const asked = options(call.args, target === undefined ? 'cinpv' : 'pv');
  const has = (letter: string) => asked.flags.has(letter);
  if (asked.bad !== undefined || (target !== undefined && asked.rest.length > 0)) {
    call.err('usage:\tlist [-cinpv]');
    return USAGE;
  }
  if (has('p') && has('v')) {
    call.err(`zoneadm: ${target === undefined ? '' : `zone '${target}': `}list -p and -v are mutually exclusive.`);
    return ERR;
  }
  const rows = call.host.change((state) => {
    const seen = target === undefined ? listed(state, has('c'), has('i'), has('n')) : [rowOf(state, target)];
    return raced(state, seen, (line) => call.err(line)).map((row) => ({
      ...row,
      eight: state.settings.listFields === 8,
    }));
  });
  if (has('v')) call.out(verbose(['ID', 'NAME', 'STATUS', 'PATH', 'BRAND', 'IP']));
  for (const row of rows) {
    if (has('p')) call.out(parsable(row, row.eight));
    else if (has('v')) call.out(verbose([row.id, row.name, row.state, row.path, row.brand, row.ipType]));
    else call.out(row.name);
  }
  return target !== undefined && rows.length === 0 ? ERR : OK;
}

interface Row {
  id: string;
  name: string;
  state: string;
  path: string;
  uuid: string;
  brand: string;
  ipType: string;
  did: number;
}

const GLOBAL_ROW: Row = {
  id: '0',
  name: GLOBAL,
  state: 'running',
  path: '/',
  uuid: '',
  brand: 'ipkg',
  ipType: 'shared',
  did: 0,
};

/** First those that the kernel has, by id, then those of the index file. */
function listed(state: HostState, all: boolean, installed: boolean, noGlobal: boolean): Row[] {
  const inKernel = state.zones.filter((zone) => zone.kernel).sort((one, other) => one.kernel!.id - other.kernel!.id);
  const least = all ? ['configured', 'incomplete', 'installed'] : installed ? ['installed'] : [];
  const others = state.zones.filter((zone) => !zone.kernel && least.includes(zone.state));
  return [...(noGlobal ? [] : [GLOBAL_ROW]), ...inKernel.map(rowFrom), ...others.map(rowFrom)];
}

const rowOf = (state: HostState, name: string): Row => {
  const zone = zoneNamed(state, name);
  return zone ? rowFrom(zone) : GLOBAL_ROW;
};

const rowFrom = (zone: Zone): Row => ({
  id: zone.kernel ? String(zone.kernel.id) : '-',
  name: zone.name,
  state: wordOf(zone),
  path: zone.config.zonepath,
  uuid: zone.uuid ?? '',
  brand: zone.config.brand,
  ipType: (zone.kernel?.config ?? zone.config).ipType === 'exclusive' ? 'excl' : 'shared',
  did: zone.did,
});

/** A race that was ordered happens once, to the listing that meets its zone. */
function raced(state: HostState, rows: Row[], err: (line: string) => void): Row[] {
  const met = (row: Row) => state.races.find((race) => race.zone === row.name);
  const out = rows.flatMap((row) => {
    const race = met(row);
    return race ? meets(race, row, err) : [row];
  });
  state.races = state.races.filter((race) => !rows.some((row) => row.name === race.zone));
  return out;
}

function meets(race: Race, row: Row, err: (line: string) => void): Row[] {
  if (race.what === 'boots') return [{ ...row, id: '-', state: 'running' }];
  if (race.what === 'unread') return [{ ...row, state: '???', path: '???', brand: '???', uuid: '' }];
  err(`zoneadm: ${row.name}: could not get state: No such zone configured`);
  return [];
}

const parsable = ({ id, name, state, path, uuid, brand, ipType, did }: Row, eight: boolean): string =>
  [id, name, state, escapedPath(path), uuid, brand, ipType, ...(eight ? [String(did)] : [])].join(':');

/** Colons alone are escaped there. */
const escapedPath = (path: string): string => path.split('\\').map(escaped).join('\\');

const WIDTHS = [4, 16, 10, 30, 8, 6];
const verbose = (cells: readonly string[]): string =>
  cells.map((cell, at) => (at === 0 ? cell.padStart(WIDTHS[at]!) : cell.padEnd(WIDTHS[at]!))).join(' ');
