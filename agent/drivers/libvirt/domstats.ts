import { Failure } from '#shared/errors.ts';
import type { GuestStats } from '#shared/model/guest.ts';
import { kibToMib } from './guest-facts.ts';
import { stateOf } from './states.ts';

/** The figures of one guest by libvirt's own keys. */
export type Figures = ReadonlyMap<string, string>;

/**
 * What `virsh domstats` prints, by the names of the guests.
 *
 * Shape: `Domain: 'NAME'`, then `  key=value` lines, then an empty line; a name may hold quotes.
 * @throws Failure host-output, naming the line
 * Source: virsh(1); recorded in test/fixtures/virsh/domstats-*.txt
 */
export function parseDomstats(stdout: string): Map<string, Figures> {
  const guests = new Map<string, Map<string, string>>();
  let figures: Map<string, string> | undefined;
  for (const line of stdout.split('\n')) {
    if (line === '') continue;
    const name = /^Domain: '(.*)'$/u.exec(line)?.[1];
    const [, key, value] = /^ {2}([^\s=]+)=(.*)$/u.exec(line) ?? [];
    if (name !== undefined) {
      figures = new Map();
      guests.set(name, figures);
    } else if (figures && key !== undefined && value !== undefined) {
      figures.set(key, value);
    } else {
      throw new Failure('host-output', { problem: `virsh domstats printed ${JSON.stringify(line)}` });
    }
  }
  return guests;
}

/** A figure that must be there. @throws Failure host-output */
export function figure(figures: Figures, key: string): number {
  const value = Number(figures.get(key) ?? Number.NaN);
  if (!Number.isFinite(value)) throw new Failure('host-output', { problem: `virsh domstats printed no ${key}` });
  return value;
}

/**
 * The figures that we tell, from those that libvirt has.
 *
 * Units: libvirt gives CPU time in ns and memory in KiB.
 */
export function statsOf(name: string, figures: Figures): GuestStats {
  const one = (key: string) => (figures.has(key) ? figure(figures, key) : undefined);
  const sum = (group: string, key: string) => {
    const count = one(`${group}.count`);
    if (count === undefined) return undefined;
    const keys = Array.from({ length: count }, (_, index) => one(`${group}.${index}.${key}`));
    return keys.reduce<number>((total, value) => total + (value ?? 0), 0);
  };
  const { state } = stateOf(figure(figures, 'state.state'), figure(figures, 'state.reason'));
  const told = {
    cpuTimeS: scaled(one('cpu.time'), (ns) => ns / 1e9),
    memoryActualMiB: scaled(one('balloon.current'), kibToMib),
    memoryRssMiB: scaled(one('balloon.rss'), kibToMib),
    memoryAvailableMiB: scaled(one('balloon.usable') ?? one('balloon.unused'), kibToMib),
    blockReadBytes: sum('block', 'rd.bytes'),
    blockWriteBytes: sum('block', 'wr.bytes'),
    netReceiveBytes: sum('net', 'rx.bytes'),
    netTransmitBytes: sum('net', 'tx.bytes'),
  };
  const known = Object.entries(told).filter(([, value]) => value !== undefined);
  return { name, state, ...Object.fromEntries(known) };
}

const scaled = (value: number | undefined, by: (value: number) => number): number | undefined =>
  value === undefined ? undefined : by(value);
