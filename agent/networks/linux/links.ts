import { z } from 'zod';
import type { Command } from '#agent/exec/run.ts';
import { Failure } from '#shared/errors.ts';
import { isV6 } from '#shared/model/address.ts';
import { LEAVING_GROUP, LINK_GROUP } from './names.ts';

/** A link as it is, as far as we look at it. */
export interface Link {
  name: string;
  /** `bridge`, `vxlan`, `tun`, `veth`, …; undefined for a plain one. */
  kind?: string;
  /** Whether it bears our mark. */
  isOurs: boolean;
  /** It was to be removed, and is still there. */
  isLeaving?: boolean;
  isUp: boolean;
  mtu: number;
  /** The bridge that it is a port of. */
  master?: string;
  alias?: string;
  vxlan?: { vni: number; local?: string; port: number; learning: boolean };
  bridge?: { forwardDelay: number; isSnooping: boolean };
  /** That it received and sent. */
  bytesReceived?: number;
  bytesSent?: number;
}

const TIMEOUT_MS = 30_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

const asked = (file: string, args: readonly string[]): Command => ({
  ...{ file, args, timeoutMs: TIMEOUT_MS, outputBytesMax: OUTPUT_BYTES_MAX },
});
export const listLinks = (): Command => asked('ip', ['-N', '-j', '-d', 'link', 'show']);
/** The same with what went through them: twice as much to print and to read. */
export const listTraffic = (): Command => asked('ip', ['-N', '-j', '-d', '-s', 'link', 'show']);
export const listFloods = (): Command => asked('bridge', ['-j', 'fdb', 'show']);
export const listAddresses = (): Command => asked('ip', ['-j', 'addr', 'show']);

/** One command a line, for `ip` or `bridge`: it stops at the first that fails. */
export const batch = (file: 'ip' | 'bridge', lines: readonly string[], space?: string): Command => ({
  ...{ file, timeoutMs: TIMEOUT_MS, input: `${lines.join('\n')}\n` },
  args: [...(space === undefined ? [] : ['-n', space]), '-batch', '-'],
});

const Bytes = z.object({ bytes: z.number() });
const RawLink = z.object({
  ifname: z.string(),
  flags: z.array(z.string()),
  mtu: z.number(),
  group: z.string().optional(),
  master: z.string().optional(),
  ifalias: z.string().optional(),
  linkinfo: z
    .object({ info_kind: z.string().optional(), info_data: z.record(z.string(), z.unknown()).optional() })
    .optional(),
  stats64: z.object({ rx: Bytes, tx: Bytes }).optional(),
});
const VxlanData = z.object({
  id: z.number(),
  local: z.string().optional(),
  local6: z.string().optional(),
  port: z.number(),
  learning: z.boolean().default(false),
});
const BridgeData = z.object({ forward_delay: z.number(), mcast_snooping: z.number().default(0) });

/** Read what `ip -N -j -d link show` prints, with `-s` or without. @throws Failure host-output */
export function parseLinks(stdout: string): Link[] {
  return parsed(stdout, z.array(RawLink), 'ip link').map((raw) => {
    const { info_kind: kind, info_data: data } = raw.linkinfo ?? {};
    return {
      name: raw.ifname,
      isOurs: raw.group === String(LINK_GROUP) || raw.group === String(LEAVING_GROUP),
      ...(raw.group === String(LEAVING_GROUP) ? { isLeaving: true } : {}),
      isUp: raw.flags.includes('UP'),
      mtu: raw.mtu,
      ...(kind === undefined ? {} : { kind }),
      ...(raw.master === undefined ? {} : { master: raw.master }),
      ...(raw.ifalias === undefined ? {} : { alias: raw.ifalias }),
      ...(kind === 'vxlan' ? { vxlan: vxlanIn(data) } : {}),
      ...(kind === 'bridge' ? { bridge: bridgeIn(data) } : {}),
      ...(raw.stats64 ? { bytesReceived: raw.stats64.rx.bytes, bytesSent: raw.stats64.tx.bytes } : {}),
    };
  });
}

function vxlanIn(data: unknown): NonNullable<Link['vxlan']> {
  const { id, local, local6, port, learning } = trusted(VxlanData, data, 'ip link');
  const from = local ?? local6;
  return { vni: id, port, learning, ...(from === undefined ? {} : { local: from }) };
}

function bridgeIn(data: unknown): NonNullable<Link['bridge']> {
  const { forward_delay: forwardDelay, mcast_snooping: snooping } = trusted(BridgeData, data, 'ip link');
  return { forwardDelay, isSnooping: snooping !== 0 };
}

const RawFlood = z.object({
  ifname: z.string(),
  mac: z.string(),
  dst: z.string().optional(),
});
const ALL_ZERO = '00:00:00:00:00:00';

/** To whom each tunnel sends what it has no place for, of what `bridge -j fdb show` prints. @throws Failure host-output */
export function parseFloods(stdout: string): Map<string, Set<string>> {
  const floods = new Map<string, Set<string>>();
  for (const { ifname, mac, dst } of parsed(stdout, z.array(RawFlood), 'bridge fdb')) {
    if (mac !== ALL_ZERO || dst === undefined) continue;
    const known = floods.get(ifname) ?? new Set();
    floods.set(ifname, known.add(dst));
  }
  return floods;
}

const RawAddresses = z.object({
  ifname: z.string(),
  mtu: z.number(),
  addr_info: z.array(
    z.object({ family: z.string(), local: z.string().optional(), prefixlen: z.number(), scope: z.string() }),
  ),
});

/** A link with its global addresses, IPv4 first, as `ADDRESS/LENGTH`. */
export interface Addressed {
  name: string;
  mtu: number;
  addresses: string[];
}

/** Read what `ip -j addr show` prints. @throws Failure host-output */
export function parseAddresses(stdout: string): Addressed[] {
  // iproute2 prints an empty object for each link that a filter left out.
  const rows = parsed(stdout, z.array(z.union([RawAddresses, z.strictObject({})])), 'ip addr');
  return rows.flatMap((row) => {
    if (!('ifname' in row)) return [];
    const global = row.addr_info.flatMap(({ local, prefixlen, scope }) =>
      local !== undefined && scope === 'global' ? [`${local}/${prefixlen}`] : [],
    );
    const addresses = [...global.filter((text) => !isV6(text)), ...global.filter(isV6)];
    return [{ name: row.ifname, mtu: row.mtu, addresses }];
  });
}

function parsed<T>(stdout: string, schema: z.ZodType<T>, what: string): T {
  let data: unknown;
  try {
    // `bridge` prints nothing at all where there is nothing.
    data = stdout.trim() === '' ? [] : JSON.parse(stdout);
  } catch (error) {
    throw new Failure('host-output', { problem: `${what} is no JSON: ${stdout.slice(0, 80)}` }, { cause: error });
  }
  return trusted(schema, data, what);
}

function trusted<T>(schema: z.ZodType<T>, data: unknown, what: string): T {
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new Failure('host-output', { problem: `${what}: ${issue?.path.join('.')}: ${issue?.message}` });
}
