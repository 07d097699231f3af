import { ERR, OK, options, type Program } from './call.ts';
import { GLOBAL, type HostState } from './state.ts';
import { rctlLimit, resourcesOf } from './zone-config.ts';

/** The machine and what it counts: psrinfo(8), prtconf(8), kstat(8), uname(1), zonename(1). */

/** `-t` prints how many there are, of the state that `-S` says. */
export const psrinfo: Program = (call) => {
  const asked = options(call.args, 'tpvS:');
  const cpus = call.host.read((state) => state.settings.cpus);
  const wanted = asked.flags.get('S');
  const count = wanted === undefined || wanted === 'on-line' || wanted === 'all' ? cpus : 0;
  if (asked.flags.has('t')) call.out(String(count));
  else if (asked.flags.has('p')) call.out('1');
  else for (let id = 0; id < count; id++) call.out(`${id}\ton-line   since 11/21/2026 02:52:48`);
  return OK;
};

/** `-m` prints the memory in MiB alone. */
export const prtconf: Program = (call) => {
  const memoryMiB = call.host.read((state) => state.settings.memoryMiB);
  if (options(call.args, 'mvpPDx').flags.has('m')) call.out(String(memoryMiB));
  else
    for (const line of ['System Configuration:  illumos  i86pc', `Memory size: ${memoryMiB} Megabytes`]) call.out(line);
  return OK;
};

export const uname: Program = (call) => {
  const words: Record<string, string> = {
    s: 'SunOS',
    n: 'global',
    r: '5.11',
    v: 'tribblix-m37',
    m: 'i86pc',
    p: 'i386',
  };
  const asked = options(call.args, 'asnrvmpi');
  const letters = asked.flags.has('a') ? ['s', 'n', 'r', 'v', 'm', 'p'] : [...asked.flags.keys()];
  call.out((letters.length > 0 ? letters : ['s']).map((letter) => words[letter] ?? 'i86pc').join(' '));
  return OK;
};

export const zonename: Program = (call) => {
  call.out(call.zone);
  return OK;
};

/** With `-p`: `module:instance:name:statistic`, a tab, the value. Empty parts of what is asked fit everything. */
export const kstat: Program = (call) => {
  const asked = options(call.args, 'pm:i:n:s:c:lqT:');
  const wanted = (
    asked.rest.length > 0 ? asked.rest : [['m', 'i', 'n', 's'].map((one) => asked.flags.get(one) ?? '').join(':')]
  ).map((text) => text.split(':'));
  const rows = call.host.read(statistics);
  const found = rows.filter(([key]) => {
    const parts = key.split(':');
    return wanted.some((want) => want.every((part, at) => fits(parts[at] ?? '', part)));
  });
  for (const [key, value] of found) call.out(`${key}\t${value}`);
  return found.length > 0 ? OK : ERR;
};

/** A shell pattern, or a regular expression between slashes. */
function fits(text: string, pattern: string): boolean {
  if (pattern === '') return true;
  const expression = /^\/(.*)\/$/.exec(pattern)?.[1];
  if (expression !== undefined) return new RegExp(expression).test(text);
  return new RegExp(
    `^${pattern
      .replace(/[.+^${}()|\\]/g, '\\$&')
      .replace(/\*/g, '.*')
      .replace(/\?/g, '.')}$`,
  ).test(text);
}

function statistics(state: HostState): [string, string][] {
  const now = Date.now();
  const machine: [string, string][] = [
    ['unix:0:system_pages:physmem', String((state.settings.memoryMiB * 1024 ** 2) / 4096)],
    ['unix:0:system_misc:ncpus', String(state.settings.cpus)],
    ['unix:0:system_misc:boot_time', '1795190000'],
    ...zoneStatistics(0, GLOBAL, now - 3_600_000, now, undefined),
  ];
  return [
    ...machine,
    ...state.zones.flatMap((zone): [string, string][] => {
      if (!zone.kernel) return [];
      const { id, bootedAt, config } = zone.kernel;
      const physical = resourcesOf(config, 'capped-memory')[0]?.simple.physical;
      const cap = rctlLimit(config, 'zone.cpu-cap');
      return [
        ...zoneStatistics(id, zone.name, bootedAt, now, physical),
        ...(cap === undefined
          ? []
          : ([
              [`caps:${id}:cpucaps_zone_${id}:usage`, '1'],
              [`caps:${id}:cpucaps_zone_${id}:value`, String(cap)],
              [`caps:${id}:cpucaps_zone_${id}:zonename`, zone.name],
            ] satisfies [string, string][])),
      ];
    }),
  ];
}

const zoneStatistics = (
  id: number,
  name: string,
  from: number,
  now: number,
  cap: string | undefined,
): [string, string][] => [
  [`zones:${id}:${name}:boot_time`, String(Math.floor(from / 1000))],
  [`zones:${id}:${name}:nsec_sys`, String((now - from) * 2_000)],
  [`zones:${id}:${name}:nsec_user`, String((now - from) * 5_000)],
  [`zones:${id}:${name}:zonename`, name],
  [`memory_cap:${id}:${name}:physcap`, cap ?? '18446744073709551615'],
  [`memory_cap:${id}:${name}:rss`, String(48 * 1024 ** 2)],
  [`memory_cap:${id}:${name}:swap`, String(64 * 1024 ** 2)],
  [`memory_cap:${id}:${name}:zonename`, name],
];
