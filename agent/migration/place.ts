import type { AgentConfig } from '#agent/config.ts';
import type { NetworkKeeper } from '#agent/networks/keeper.ts';

/**
 * Where this host takes guests from others: as its configuration says, or where its tunnels to other hosts begin. Never at an address that is
 * not named in one of these ways: it might be one of the public net.
 */
export function migrationAddress(
  { migration }: Pick<AgentConfig, 'migration'>,
  { standing, wanted }: Pick<NetworkKeeper, 'standing' | 'wanted'>,
): string | undefined {
  if (migration.address !== undefined) return migration.address;
  if (standing.wireguard) return wanted.mesh?.address;
  return standing.underlay?.address;
}
