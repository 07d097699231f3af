import type { HostTools } from '#agent/networks/linux/carry-out.ts';
import { keptTable } from '#agent/networks/linux/guards.ts';
import { linesOf } from '#agent/networks/linux/lines.ts';
import { LINK_GROUP } from '#agent/networks/linux/names.ts';
import { MESH_LINK } from '#shared/model/mesh.ts';
import { type HostPort, portLinkOf } from '#shared/model/network.ts';

const TABLE = 'skerry-switch';
const CHAINS = {
  inet: { in: 'prerouting priority -300', out: 'output priority 0' },
  arp: { in: 'input priority 0', out: 'output priority 0' },
} as const;
const LINK = { in: 'iif', out: 'oif' } as const;

/**
 * Have the host itself hear and say nothing by links that are ports of Open vSwitch.
 *
 * What a port of a kernel's bridge gets is the bridge's alone. In user space the switch reads along, and the host's own stack gets it too: guests
 * would reach the host's addresses, and it would believe their router advertisements.
 */
export function hostSilence(tools: HostTools) {
  const tables = (['inet', 'arp'] as const).map((family) => ({ family, keep: keptTable(tools, `${family} ${TABLE}`) }));
  return async (ports: readonly HostPort[], signal: AbortSignal): Promise<void> => {
    for (const { family, keep } of tables) await keep(scriptOf(family, ports), signal);
  };
}

function scriptOf(family: keyof typeof CHAINS, ports: readonly HostPort[]): string {
  const at = `${family} ${TABLE}`;
  const guests = ports.map(({ mac }) => `"${portLinkOf(mac)}"`);
  return linesOf([
    `add table ${at}`,
    `add set ${at} guests { type ifname; }`,
    `flush set ${at} guests`,
    ...(guests.length > 0 ? [`add element ${at} guests { ${guests.join(', ')} }`] : []),
    ...(['in', 'out'] as const).flatMap((way) => [
      `add chain ${at} way_${way} { type filter hook ${CHAINS[family][way]}; policy accept; }`,
      `flush chain ${at} way_${way}`,
      ...[`name @guests`, `name "sk-*"`, `group ${LINK_GROUP} ${LINK[way]}name != "${MESH_LINK}"`].map(
        (match) => `add rule ${at} way_${way} ${LINK[way]}${match} counter drop`,
      ),
    ]),
  ]);
}
