import { join } from 'node:path';
import type { AgentConfig } from '#agent/config.ts';
import type { MeshEnd } from '#shared/model/mesh.ts';
import { keyIn } from './wireguard-key.ts';

/** What a host says of itself to those who are to reach it by WireGuard; undefined where its configuration does not name it. */
export async function wireguardEnd({
  networks: { wireguard },
  state,
  host,
}: Pick<AgentConfig, 'networks' | 'state' | 'host'>): Promise<MeshEnd | undefined> {
  if (!wireguard) return undefined;
  const { listen: port, endpoint, mtu } = wireguard;
  const { publicKey } = await keyIn(wireguardFolder(state), host);
  return { publicKey, port, ...(endpoint === undefined ? {} : { endpoint }), mtu };
}

/** Where the host's key is, and what its link is made with. */
export const wireguardFolder = (state: string): string => join(state, 'wireguard');
