import { z } from 'zod';
import { Address, Interface, Mac } from './address.ts';
import { HostMesh, MeshEnd } from './mesh.ts';

/** With `sk-` before it, a name is that of a link, which has at most 15 characters (Linux's IFNAMSIZ). */
export const NetworkName = z
  .string()
  .regex(/^[a-z]([a-z0-9-]{0,10}[a-z0-9])?$/, 'use 1 to 12 of a-z 0-9 -, begin with a letter, and do not end with -')
  .meta({ title: 'Network', description: 'Name of the network.', choices: 'network' });
export const RouterName = NetworkName.meta({ title: 'Router', description: 'Name of the router.', choices: 'router' });

/**
 * `isolated`: no way out. `nat`: its routers hide it behind an address of theirs. `routed`: they pass it on as it is. `outside`: a bridge or a
 * link that is there already, and is not made, changed or removed.
 */
export const NetworkKind = z.enum(['isolated', 'nat', 'routed', 'outside']);
export type NetworkKind = z.infer<typeof NetworkKind>;

/** Name of a link: what Linux allows, less what could be read as an option, a pattern or a path. */
export const LinkName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/, 'use 1 to 15 of A-Z a-z 0-9 _ . -, and begin with a letter or digit');

/** A domain name or host name, in lower case (RFC 1123). */
export const DomainName = z
  .string()
  .max(253)
  .regex(
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/,
    'write a domain name, as grid.example.org',
  );
/** One label of a domain name. */
export const HostLabel = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'use 1 to 63 of a-z 0-9 -, not at either end');

const Port = z.int().min(1).max(65_535);

/** The bridge of a network that Skerry makes; and the link of a port with this MAC, at the bridge's side. */
export const bridgeOf = (network: string): string => `sk-${network}`;
export const portLinkOf = (mac: Mac): string => `sk${mac.replaceAll(':', '')}`;

/** A network as one host realises it. */
export const HostNetwork = z.strictObject({
  name: NetworkName,
  kind: NetworkKind,
  /** `sk-NAME`; of an outside network, the bridge or link that is there. */
  link: LinkName,
  mtu: z.int().min(576).max(65_535),
  /** Joins it to the same network on other hosts: VXLAN (RFC 7348) with head-end replication. */
  tunnel: z
    .strictObject({
      /** VXLAN network identifier. */
      vni: z.int().min(1).max(16_777_215),
      /** Underlay addresses, this host's and those of the others. */
      local: Address,
      peers: z.array(Address).max(10_000),
    })
    .optional(),
});
export type HostNetwork = z.infer<typeof HostNetwork>;

/** A guest's interface on a network, on the host where the guest is. Its link is `portLinkOf(mac)`. */
export const HostPort = z.strictObject({
  network: NetworkName,
  mac: Mac,
  guest: z.string().min(1),
  /** What it may send from; on a network without a subnet nothing but its MAC is held. */
  addresses: z.array(Address).max(64),
});
export type HostPort = z.infer<typeof HostPort>;

/** A leg of the host on a network, in a network namespace of its own: from there probes look. */
export const HostLook = z.strictObject({
  network: NetworkName,
  mac: Mac,
  addresses: z.array(Interface).min(1).max(8),
  gateways: z.array(Address).max(2).default([]),
  /** Name servers that know the network's names. */
  dns: z.array(Address).max(8).default([]),
});
export type HostLook = z.infer<typeof HostLook>;

const Leg = z.strictObject({ network: NetworkName, mac: Mac, addresses: z.array(Interface).max(8) });

/** A way in: a port of the router's public addresses, passed on to a guest. */
export const Forward = z.strictObject({
  protocol: z.enum(['tcp', 'udp']),
  port: Port,
  address: Address,
  toPort: Port,
});
export type Forward = z.infer<typeof Forward>;

/** HTTP by host name: requests for `name` at `port` go to those of the servers that answer. */
export const Ingress = z.strictObject({
  name: DomainName,
  port: Port,
  servers: z.array(z.strictObject({ address: Address, port: Port })).max(1_000),
  /** Path that has to answer with 2xx or 3xx; without it, a connection is enough. */
  check: z
    .string()
    .max(255)
    .regex(/^\/[A-Za-z0-9._~/?=&%-]*$/, 'write a path, as /health')
    .optional(),
});
export type Ingress = z.infer<typeof Ingress>;

/** A router, on the one host where it runs. */
export const HostRouter = z.strictObject({
  name: RouterName,
  /** The leg outside: on a network of the kind `outside`. */
  outside: Leg.extend({ gateways: z.array(Address).max(2) }).optional(),
  legs: z.array(Leg).max(64),
  /** Networks of `legs` that are hidden behind the addresses outside, and that are passed on as they are. Others have no way out. */
  nat: z.array(NetworkName),
  routed: z.array(NetworkName),
  /** Domain name of a network, where it has one. */
  domains: z.record(NetworkName, DomainName).default({}),
  /** Who answers DNS questions about other names; without any, nobody. */
  dns: z.array(Address).max(8),
  /** Who gets which address and name. */
  hosts: z.array(
    z.strictObject({ network: NetworkName, mac: Mac, name: HostLabel, addresses: z.array(Address).max(64) }),
  ),
  /** For those without a reservation; without a pool they get none. */
  pools: z.array(z.strictObject({ network: NetworkName, first: Address, last: Address })).default([]),
  forwards: z.array(Forward).default([]),
  ingress: z.array(Ingress).default([]),
});
export type HostRouter = z.infer<typeof HostRouter>;

/** All of networks that one host shall realise: it takes the place of what was there before. */
export const HostNetworks = z
  .strictObject({
    networks: z.array(HostNetwork).max(4_096),
    ports: z.array(HostPort).max(16_384),
    looks: z.array(HostLook).max(4_096),
    routers: z.array(HostRouter).max(1_024),
    /** Where tunnels of this host go by WireGuard. */
    mesh: HostMesh.optional(),
  })
  .superRefine((all, ctx) => {
    const known = new Set(all.networks.map(({ name }) => name));
    const legs = all.routers.flatMap(({ outside, legs }) => [...(outside ? [outside] : []), ...legs]);
    for (const { network } of [...all.ports, ...all.looks, ...legs])
      if (!known.has(network))
        ctx.addIssue({ code: 'custom', message: `the network ${network} is used, and not said` });
    const macs = [...all.ports, ...all.looks, ...legs].map(({ mac }) => mac);
    if (new Set(macs).size !== macs.length) ctx.addIssue({ code: 'custom', message: 'two ports have one MAC' });
  });
export type HostNetworks = z.infer<typeof HostNetworks>;

export const NO_NETWORKS: HostNetworks = { networks: [], ports: [], looks: [], routers: [] };

/** What is not as it should be on a host. */
export const NetworkTrouble = z.strictObject({
  what: z.enum(['network', 'port', 'look', 'router', 'mesh', 'host']),
  /** Name of the network or router; of a port, its MAC; of the mesh, its link; of the host, what cannot be known there. */
  name: z.string(),
  problem: z.string(),
});
export type NetworkTrouble = z.infer<typeof NetworkTrouble>;

/** What a router that asks by DHCP was given outside, and why it has nothing: that it waits is no trouble of its host. */
export const GivenOutside = z.strictObject({
  router: RouterName,
  addresses: z.array(Interface).max(8),
  problem: z.string().optional(),
});
export type GivenOutside = z.infer<typeof GivenOutside>;

/** How far a host is with what it shall realise; part of its reports. */
export const NetworkStanding = z.strictObject({
  /** digestOf the HostNetworks that it has taken; empty before the first. */
  digest: z.string(),
  /** Everything else of it is realised. */
  troubles: z.array(NetworkTrouble).max(1_000),
  /** What routers that ask by DHCP were given outside. */
  given: z.array(GivenOutside).max(1_024).optional(),
  /** Where its tunnels begin, and what fits through: of the link that its configuration names. */
  underlay: z.strictObject({ link: LinkName, address: Address, mtu: z.int().min(576) }).optional(),
  /** How others reach it by WireGuard, where its configuration says so: then its tunnels go that way, and not by the underlay. */
  wireguard: MeshEnd.optional(),
});
export type NetworkStanding = z.infer<typeof NetworkStanding>;

/** A lease that a router gave. */
export const Lease = z
  .strictObject({
    network: z.string().meta({ title: 'Network' }),
    address: z.string().meta({ title: 'Address' }),
    mac: z.string().meta({ title: 'MAC' }),
    name: z.string().optional().meta({ title: 'Name', description: 'As the client said, or as it is reserved.' }),
    until: z.string().optional().meta({ title: 'Until', description: 'RFC 3339; without it, for ever.' }),
    router: z.string().meta({ title: 'Router' }),
  })
  .meta({ line: '{address} · {name} · {network} of {router} · {mac} · until {until}' });
export type Lease = z.infer<typeof Lease>;
