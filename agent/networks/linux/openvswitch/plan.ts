import type { Link } from '#agent/networks/linux/links.ts';
import { vxlanOf } from '#agent/networks/linux/names.ts';
import { type HostNetwork, type HostPort, portLinkOf } from '#shared/model/network.ts';
import type { Datapath } from '#shared/model/nic.ts';
import { bridgeChanges, joining, leaving, SWITCH_KIND, stalePorts } from './changes.ts';
import type { Change, Switches } from './database.ts';

export interface SwitchGround {
  switches: Switches;
  /** Of bridges that are made. */
  datapath: Datapath;
}

/** Changes of Open vSwitch: neighbours of one tool are one transaction. */
export type SwitchStep = { tool: 'switch' | 'join'; changes: readonly Change[] } | { tool: 'plain'; link: string };

interface Asked {
  /** Those that are made here. */
  networks: readonly HostNetwork[];
  links: ReadonlyMap<string, Link>;
  ground: SwitchGround;
  /** Whether the end of a network's tunnel that is there stays. */
  isKept(network: HostNetwork): boolean;
}

const changed = (tool: 'switch' | 'join', changes: readonly Change[]): SwitchStep[] =>
  changes.length === 0 ? [] : [{ tool, changes }];

/** Bridges are made and mended; ports go whose link is gone, or is made anew, or that are on the wrong bridge. */
export function switchSteps({ networks, links, ground, isKept }: Asked): SwitchStep[] {
  const { switches, datapath } = ground;
  const bridges = new Map([...switches.values()].flatMap(({ name, ports }) => ports.map((port) => [port.name, name])));
  const moving = networks.filter((network) => {
    const on = bridges.get(vxlanOf(network.name));
    return on !== undefined && !(isKept(network) && on === network.link);
  });
  const gone = new Set([...stalePorts(switches, links), ...moving.map(({ name }) => vxlanOf(name))]);
  return [
    ...[...gone].flatMap((link) => changed('switch', [leaving(link)])),
    ...networks.flatMap((network) => changed('switch', bridgeChanges(network, switches.get(network.link), datapath))),
  ];
}

/** Tunnels, and guests' ports that are on no bridge, are put on theirs. */
export function joinSteps(asked: Asked, ports: readonly HostPort[]): SwitchStep[] {
  const { networks, links, ground, isKept } = asked;
  const tunnels = networks.filter(
    (network) => network.tunnel && !(isKept(network) && links.get(vxlanOf(network.name))?.master === network.link),
  );
  const plain = ground.datapath === 'netdev' ? tunnels.filter((network) => !isKept(network)) : [];
  return [
    ...plain.map(({ name }): SwitchStep => ({ tool: 'plain', link: vxlanOf(name) })),
    ...tunnels.flatMap(({ name, link }) => changed('join', joining(vxlanOf(name), link))),
    ...networks.flatMap((network) => portJoins(network, ports, links)),
  ];
}

/** Also where the bridge that it is on is one of the kernel's, which is made anew. */
function portJoins(
  { name, link }: HostNetwork,
  ports: readonly HostPort[],
  links: ReadonlyMap<string, Link>,
): SwitchStep[] {
  const isMadeAnew = links.get(link)?.kind !== SWITCH_KIND;
  return ports
    .filter(({ network }) => network === name)
    .map(({ mac }) => links.get(portLinkOf(mac)))
    .filter((port) => port !== undefined)
    .filter((port) => port.master === undefined || (isMadeAnew && port.master === link))
    .flatMap((port) => changed('join', joining(port.name, link)));
}
