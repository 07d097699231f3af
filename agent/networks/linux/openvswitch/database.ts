import { z } from 'zod';
import type { Command } from '#agent/exec/run.ts';
import { SWITCH_MARK } from '#agent/networks/linux/names.ts';
import { Failure } from '#shared/errors.ts';

/** A port of a bridge of Open vSwitch, of one link. */
export interface SwitchPort {
  /** Of the port, and of its link. */
  name: string;
  isOurs: boolean;
  /** How flows name it; undefined while the switch has no such link. */
  number?: number;
}

export interface SwitchBridge {
  name: string;
  isOurs: boolean;
  /** `netdev`: by ovs-vswitchd in user space. */
  datapath: string;
  /** Without flows nothing passes. */
  isSecure: boolean;
  /** Of its own link, that was asked for. */
  mtu?: number;
  ports: readonly SwitchPort[];
}

/** All bridges of the host's Open vSwitch, by name. */
export type Switches = ReadonlyMap<string, SwitchBridge>;

/** One command of ovs-vsctl, as words; options of its own come first. */
export type Change = readonly string[];

const TIMEOUT_MS = 30_000;
/** It waits for ovs-vswitchd, which may not be there: a little less than we wait for it. */
const WAIT_S = 20;

const vsctl = (...args: readonly string[]): Command => ({
  ...{ file: 'ovs-vsctl', args: [`--timeout=${WAIT_S}`, ...args], timeoutMs: TIMEOUT_MS },
  outputBytesMax: 64 * 1024 * 1024,
});

/** All of them in one transaction, or none. It comes back when the switch has done it. */
export const changing = (changes: readonly Change[]): Command => vsctl(...changes.flatMap((words) => ['--', ...words]));

const TABLES = {
  Bridge: '_uuid,name,datapath_type,fail_mode,external_ids,ports',
  Port: '_uuid,name,interfaces,external_ids',
  Interface: '_uuid,name,ofport,mtu_request',
} as const;
export const listSwitches = (): Command =>
  vsctl(
    '--format=json',
    ...Object.entries(TABLES).flatMap(([table, columns]) => ['--', `--columns=${columns}`, 'list', table]),
  );

/** What tells of changes, of one table each: what ovs-vswitchd counts is in other columns. */
export const SWITCH_WATCHES: readonly Pick<Command, 'file' | 'args'>[] = [
  ['Bridge', 'name,fail_mode,external_ids,ports'],
  ['Interface', 'name,ofport,mtu_request'],
].map((words) => ({ file: 'ovsdb-client', args: ['monitor', '--format=csv', 'Open_vSwitch', ...words] }));

/** How OVSDB writes values (RFC 7047 section 5.1): what is one of, none or many is a set, and one alone stands as it is. */
const Uuid = z.tuple([z.literal('uuid'), z.string()]).transform(([, id]) => id);
const setOf = <T>(item: z.ZodType<T>) =>
  z.union([z.tuple([z.literal('set'), z.array(item)]).transform(([, all]) => all), item.transform((one) => [one])]);
const Words = z
  .tuple([z.literal('map'), z.array(z.tuple([z.string(), z.string()]))])
  .transform(([, pairs]) => new Map(pairs));

const Row = {
  Bridge: z.tuple([Uuid, z.string(), z.string(), setOf(z.string()), Words, setOf(Uuid)]),
  Port: z.tuple([Uuid, z.string(), setOf(Uuid), Words]),
  Interface: z.tuple([Uuid, z.string(), setOf(z.number()), setOf(z.number())]),
} as const;

/** Read what `listSwitches` prints: a table a line. @throws Failure host-output */
export function parseSwitches(stdout: string): Switches {
  const [bridges = '', ports = '', interfaces = ''] = stdout.split('\n');
  const links = new Map(
    rowsIn(interfaces, Row.Interface).map(([id, name, [number], [mtu]]) => [id, { name, number, mtu }] as const),
  );
  const known = new Map(
    rowsIn(ports, Row.Port).map(([id, name, [first = '', ...more], words]) => {
      const number = more.length === 0 ? links.get(first)?.number : undefined;
      const isHere = number !== undefined && number > 0;
      return [id, { name, isOurs: words.has(SWITCH_MARK), ...(isHere ? { number } : {}) }] as const;
    }),
  );
  const mtus = new Map([...links.values()].map(({ name, mtu }) => [name, mtu]));
  return new Map(
    rowsIn(bridges, Row.Bridge).map(([, name, datapath, modes, words, ids]) => {
      const mtu = mtus.get(name);
      const bridge: SwitchBridge = {
        ...{ name, datapath, isOurs: words.has(SWITCH_MARK), isSecure: modes.includes('secure') },
        ...(mtu === undefined ? {} : { mtu }),
        // Its own link is a port too, and bears its name.
        ports: ids.flatMap((id) => known.get(id) ?? []).filter((port) => port.name !== name),
      };
      return [name, bridge];
    }),
  );
}

function rowsIn<T>(line: string, row: z.ZodType<T>): T[] {
  try {
    return z.object({ data: z.array(row) }).parse(JSON.parse(line)).data;
  } catch (error) {
    throw new Failure('host-output', { problem: `ovs-vsctl printed ${line.slice(0, 200)}` }, { cause: error });
  }
}
