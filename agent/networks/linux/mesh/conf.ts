import { isIP } from 'node:net';
import { join } from 'node:path';
import { LINK_GROUP } from '#agent/networks/linux/names.ts';
import type { WireguardKey } from '#agent/networks/wireguard-key.ts';
import { boundTo } from '#agent/services/bounds.ts';
import { type HostMesh, MESH_LINK } from '#shared/model/mesh.ts';

/** The mesh as this host makes it. */
export interface MeshPlan {
  mesh: HostMesh;
  key: WireguardKey;
  /** UDP port. */
  port: number;
  /** Where names of peers' endpoints lead; names without an address are not in it. */
  found: ReadonlyMap<string, string>;
}

export const MESH_ALIAS = 'Skerry mesh';
/** The link's address, with the subnet that its packets go to. */
export const onLink = (address: string): string => `${address}/64`;

/** What `wg syncconf` reads. It holds the private key. */
export function confOf({ mesh, key, port, found }: MeshPlan): string {
  const peers = mesh.peers.flatMap(({ host, publicKey, address, endpoint, keepaliveS }) => {
    const at = endpoint && found.get(endpoint.host);
    return [
      ...['', '[Peer]', `# ${host.replace(/[^A-Za-z0-9._-]/g, '_')}`, `PublicKey = ${publicKey}`],
      `AllowedIPs = ${address}/128`,
      // One that is found no more stays where it was.
      ...(at === undefined ? [] : [`Endpoint = ${isIP(at) === 6 ? `[${at}]` : at}:${endpoint?.port}`]),
      `PersistentKeepalive = ${keepaliveS ?? 'off'}`,
    ];
  });
  return `${['[Interface]', `PrivateKey = ${key.privateKey}`, `ListenPort = ${port}`, ...peers].join('\n')}\n`;
}

export const FILES = {
  conf: `${MESH_LINK}.conf`,
  /** The digest of what was given to the link last. */
  applied: 'applied',
  up: 'up',
  program: 'program.pid',
} as const;

/**
 * Lines for `sh` that bring a link that is there to what it shall be, without cutting sessions. The agent runs them, and the supervisor after each
 * start of wireguard-go: the mesh comes back while the agent is away.
 */
export function upScript(folder: string, { address, mtu }: HostMesh): string {
  const speaksV6 = `/proc/sys/net/ipv6/conf/${MESH_LINK}/disable_ipv6`;
  const at = (file: string): string => quoted(join(folder, file));
  return `${[
    'set -e',
    'umask 077',
    `exec 8>${at('up.lock')}`,
    'flock 8',
    `ip link set dev ${MESH_LINK} group ${LINK_GROUP} mtu ${mtu} alias "${MESH_ALIAS}"`,
    `echo 1 >/proc/sys/net/ipv6/conf/${MESH_LINK}/addr_gen_mode`,
    `echo 0 >${speaksV6}`,
    `wg syncconf ${MESH_LINK} ${at(FILES.conf)}`,
    `for each in $(ip -6 -o addr show dev ${MESH_LINK} scope global | sed -n 's/.* inet6 \\([^ ]*\\) .*/\\1/p'); do`,
    `  [ "$each" = ${onLink(address)} ] || ip -6 addr del "$each" dev ${MESH_LINK}`,
    'done',
    `ip -6 addr replace ${onLink(address)} dev ${MESH_LINK} nodad`,
    `ip link set dev ${MESH_LINK} up`,
    // Whole or not at all: the agent may be reading it.
    `sha256sum <${at(FILES.conf)} | cut -d' ' -f1 >${at(`${FILES.applied}.new`)}`,
    `mv ${at(`${FILES.applied}.new`)} ${at(FILES.applied)}`,
  ].join('\n')}\n`;
}

/** Lines for `sh`, the last of which becomes wireguard-go, with no more of root's powers than it takes. */
export const runScript = (folder: string): string =>
  `${[
    // What one that was killed has left: nobody else has a link of this name.
    `rm -f /run/wireguard/${MESH_LINK}.sock`,
    // Twice a process, so that it is no child of what comes last here.
    `( ( n=0; until wg show ${MESH_LINK} >/dev/null 2>&1; do n=$((n + 1)); [ $n -lt 200 ] || exit 1; sleep 0.05; done`,
    `sh ${quoted(join(folder, FILES.up))} ) & )`,
    `echo "$$ $(cut -d' ' -f22 /proc/$$/stat)" >${quoted(join(folder, FILES.program))}`,
    boundTo(['net_admin'], `wireguard-go -f ${MESH_LINK}`),
  ].join('\n')}\n`;

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
