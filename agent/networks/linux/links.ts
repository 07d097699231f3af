import { z } from 'zod';
import { Failure } from '#shared/errors.ts';
import { isV6 } from '#shared/model/address.ts';
import { LEAVING_GROUP, LINK_GROUP } from './names.ts';

/** A link as it is, as far as we look at it. */
export interface Link {
  name: string;
  index: number;
  /** Index, on the host, of the link that it is on. */
  onIndex?: number;
  /** Empty where it has none. */
  mac: string;
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
  /** Global ones, IPv4 first, as `ADDRESS/LENGTH`; none where they were not asked for. */
  addresses: string[];
}

const Bytes = z.object({ bytes: z.number() });
/** Numbers are those of the kernel, as `-N` prints them (rtnetlink(7)). */
const SCOPE_GLOBAL = '0';
const RawAddress = z.object({ local: z.string().optional(), prefixlen: z.number().optional(), scope: z.string() });
const RawLink = z.object({
  ifname: z.string(),
  ifindex: z.number(),
  link_index: z.number().optional(),
  address: z.string().default(''),
  flags: z.array(z.string()),
  mtu: z.number(),
  group: z.string().optional(),
  master: z.string().optional(),
  ifalias: z.string().optional(),
  linkinfo: z
    .object({ info_kind: z.string().optional(), info_data: z.record(z.string(), z.unknown()).optional() })
    .optional(),
  stats64: z.object({ rx: Bytes, tx: Bytes }).optional(),
  addr_info: z.array(RawAddress).default([]),
});
const VxlanData = z.object({
  id: z.number(),
  local: z.string().optional(),
  local6: z.string().optional(),
  port: z.number(),
  learning: z.boolean().default(false),
});
const BridgeData = z.object({ forward_delay: z.number(), mcast_snooping: z.number().default(0) });

/** Read what `ip -N -j -d link show` prints, with `-s` or without, and `ip -N -j -d addr show`. @throws Failure host-output */
export function parseLinks(stdout: string): Link[] {
  // iproute2 prints an empty object for each link that a filter left out.
  return parsed(stdout, z.array(z.union([RawLink, z.strictObject({})])), 'ip link').flatMap((raw) => {
    if (!('ifname' in raw)) return [];
    const { info_kind: kind, info_data: data } = raw.linkinfo ?? {};
    return {
      ...{ name: raw.ifname, index: raw.ifindex, mac: raw.address, addresses: globalIn(raw.addr_info) },
      ...(raw.link_index === undefined ? {} : { onIndex: raw.link_index }),
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

function globalIn(all: readonly z.infer<typeof RawAddress>[]): string[] {
  const global = all.flatMap(({ local, prefixlen, scope }) =>
    local !== undefined && scope === SCOPE_GLOBAL ? [`${local}/${prefixlen}`] : [],
  );
  return [...global.filter((text) => !isV6(text)), ...global.filter(isV6)];
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

/** `ip -j route show default`: a way out. */
const Route = z.object({ gateway: z.string().optional(), dev: z.string().optional() });
export type Route = z.infer<typeof Route>;
const Space = z.object({ name: z.string() });

/** @throws Failure host-output */
export const parseRoutes = (stdout: string): Route[] => parsed(stdout, z.array(Route), 'ip route');
/** Read what `ip -j netns list` prints. @throws Failure host-output */
export const parseSpaces = (stdout: string): string[] =>
  parsed(stdout, z.array(Space), 'ip netns').map(({ name }) => name);

function parsed<T>(stdout: string, schema: z.ZodType<T>, what: string): T {
  let data: unknown;
  try {
    // Where there is nothing, some of them print nothing at all.
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
