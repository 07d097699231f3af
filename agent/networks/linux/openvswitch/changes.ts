import type { Link } from '#agent/networks/linux/links.ts';
import { networkOfLink, SWITCH_MARK } from '#agent/networks/linux/names.ts';
import type { HostNetwork } from '#shared/model/network.ts';
import type { Change, SwitchBridge, Switches } from './database.ts';

/** What stands in the place of a bridge's kind, where Open vSwitch realises it; the kernel says so of some of them only. */
export const SWITCH_KIND = 'openvswitch';

/** Links with what `ip` does not know of them: which are bridges of Open vSwitch, and who is on them. */
export function withSwitches(links: ReadonlyMap<string, Link>, switches: Switches): Map<string, Link> {
  const masters = new Map(
    [...switches.values()].flatMap(({ name, ports }) => ports.map((port) => [port.name, name] as const)),
  );
  const seen = [...links.values()].map((link): Link => {
    const { master: other, ...rest } = link;
    // The kernel says `ovs-system` of ports of all bridges.
    const master = masters.get(link.name) ?? (other === 'ovs-system' ? undefined : other);
    const bridge = switches.get(link.name);
    return {
      ...rest,
      ...(master === undefined ? {} : { master }),
      ...(bridge ? { kind: SWITCH_KIND, isOurs: bridge.isOurs } : {}),
    };
  });
  const unseen = [...switches.values()].filter(({ name }) => !links.has(name)).map(linkOf);
  return new Map([...seen, ...unseen].map((link) => [link.name, link]));
}

/** A bridge that stands in the database, and whose own link is not there: nobody carries it out. */
const linkOf = ({ name, isOurs, mtu }: SwitchBridge): Link => ({
  ...{ name, kind: SWITCH_KIND, isOurs, index: 0, mac: '', isUp: false, mtu: mtu ?? 0, addresses: [] },
});

/** What makes or mends the bridge of a network. It is marked in the transaction that makes it, and nothing passes before it has flows. */
export function bridgeChanges({ link, mtu }: HostNetwork, there: SwitchBridge | undefined, datapath: string): Change[] {
  if (!there)
    return [
      ['add-br', link],
      ['set', 'Bridge', link, `datapath_type=${datapath}`, 'fail_mode=secure', `external_ids:${SWITCH_MARK}=network`],
      ['set', 'Interface', link, `mtu_request=${mtu}`],
    ];
  return [
    ...(there.isSecure ? [] : [['set', 'Bridge', link, 'fail_mode=secure']]),
    ...(there.mtu === mtu ? [] : [['set', 'Interface', link, `mtu_request=${mtu}`]]),
  ];
}

export const bridgeRemoval = (bridge: string): Change => ['--if-exists', 'del-br', bridge];
/** A link that was made anew under its name is taken by the switch only where it has let go of the one before: in a transaction of its own. */
export const leaving = (link: string): Change => ['--if-exists', 'del-port', link];
export const joining = (link: string, bridge: string): Change[] => [
  ['--may-exist', 'add-port', bridge, link],
  ['set', 'Port', link, `external_ids:${SWITCH_MARK}=port`],
];

/** Ports whose link is gone: those that we made, and all on bridges of ours. */
export const stalePorts = (switches: Switches, links: ReadonlyMap<string, Link>): string[] =>
  [...switches.values()].flatMap((bridge) =>
    bridge.ports.filter((port) => (port.isOurs || bridge.isOurs) && !links.has(port.name)).map(({ name }) => name),
  );

export const isNetworkBridge = ({ name, isOurs }: SwitchBridge): boolean => isOurs && networkOfLink(name) !== undefined;
