import { z } from 'zod';
import { Address, Address6, Subnet } from './address.ts';

/** The one WireGuard link of a host. No network can have its name: those of networks have a `-`, those of ports 14 characters. */
export const MESH_LINK = 'skwg';

/** A Curve25519 key as WireGuard writes it: 32 bytes in base64. */
export const PublicKey = z.string().regex(/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/, 'write 32 bytes in base64');

/** Where others reach a host: an address, or a name that they look up. */
export const Endpoint = z.union([
  Address,
  z
    .string()
    .max(253)
    .regex(
      /^(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/,
      'write an address, or a name, as host1.example.org',
    ),
]);

/** A port that takes no power of root to open. */
export const ListenPort = z.int().min(1024).max(65_535);

/** What an IPv6 link has at least, and what a datagram can hold less WireGuard's own bytes. */
export const MeshMtu = z.int().min(1280).max(65_000);

/** A subnet of the mesh: each host's address in it is made of its name. */
export const MeshSubnet = Subnet.refine(
  (text) => /^f[cd].*\/64$/.test(text),
  'write a unique local IPv6 subnet of /64, as fd5e:77a1:93c4:51::/64',
);

/** What others need to reach a host by WireGuard. */
export const MeshEnd = z.strictObject({
  publicKey: PublicKey,
  port: ListenPort,
  /** Without it, nobody can dial this host: it dials itself. */
  endpoint: Endpoint.optional(),
  /** What fits through, in a packet of the mesh. */
  mtu: MeshMtu,
});
export type MeshEnd = z.infer<typeof MeshEnd>;

export const MeshPeer = z.strictObject({
  /** Name of the host, for people. */
  host: z.string().min(1),
  publicKey: PublicKey,
  /** Without it, it is the other who dials. */
  endpoint: z.strictObject({ host: Endpoint, port: ListenPort }).optional(),
  /** All that it may send from. */
  address: Address6,
  /** How often something is sent, so that a NAT on the way does not forget; in seconds. */
  keepaliveS: z.int().min(1).max(65_535).optional(),
});
export type MeshPeer = z.infer<typeof MeshPeer>;

/** A host's part of the mesh. */
export const HostMesh = z
  .strictObject({
    address: Address6,
    mtu: MeshMtu,
    peers: z.array(MeshPeer).max(10_000),
  })
  .refine(
    ({ address, peers }) => new Set([address, ...peers.map((peer) => peer.address)]).size === peers.length + 1,
    'two hosts have one address',
  )
  .refine(
    ({ peers }) => new Set(peers.map(({ publicKey }) => publicKey)).size === peers.length,
    'two hosts have one key',
  );
export type HostMesh = z.infer<typeof HostMesh>;
