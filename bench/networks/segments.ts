import { run } from '#agent/exec/run.ts';
import type { NetworkDriver } from '#agent/networks/driver.ts';
import { linuxNetworks } from '#agent/networks/linux/driver.ts';
import { guardScript } from '#agent/networks/linux/guard-rules.ts';
import { vxlanOf } from '#agent/networks/linux/names.ts';
import { linuxRouters } from '#agent/networks/linux/router/routers.ts';
import { type HostNetwork, type HostPort, portLinkOf } from '#shared/model/network.ts';
import type { Figure } from '../figures.ts';
import { LOCAL, MANY_PORTS, manyNetworks, NETWORKS, PORTS } from './asked.ts';
import { batch, signal, tool, Watches } from './tools.ts';

/** Links made by hand are in a group of their own: the best that one can do is to remove it at once. */
const HAND_GROUP = 77;
const CHANGED = 50;

type Step = 'guard' | 'make' | 'look' | 'mtu' | 'address' | 'remove' | 'unguard';
type Name = Step | `hand ${Step}`;

/** A driver as the agent has it. @param named what runs its tools */
export function driverOf(named = run): NetworkDriver {
  const log = { warn: console.error };
  const routers = linuxRouters({ run: named, folder: '/run/bench/routers', host: 'here', log });
  return linuxNetworks({ run: named, host: 'here', folder: '/run/bench/networks', routers });
}

export async function make(
  driver: NetworkDriver,
  networks: readonly HostNetwork[],
  ports: readonly HostPort[] = [],
): Promise<void> {
  const [failure] = (await driver.makeNetworks(networks, ports, signal())).values();
  if (failure) throw failure;
}

/** 100 networks and the ports of 200 guests on one host, without tunnels and with one each, in turn with the same by hand. */
export async function benchSegments(rounds: number): Promise<Figure[]> {
  const taps = MANY_PORTS.map(({ mac }) => portLinkOf(mac));
  await batch('ip', [
    ...['link add name up0 mtu 1500 type bridge', `addr add ${LOCAL}/24 dev up0`, 'link set up0 up'],
    ...taps.flatMap((tap) => [`tuntap add dev ${tap} mode tap`, `link set dev ${tap} up`]),
  ]);
  const figures: Figure[] = [];
  for (const isTunnelled of [false, true]) {
    const watches = new Watches<Name>();
    const networks = manyNetworks(isTunnelled);
    for (let round = -1; round < rounds; round++) {
      if (round === 0) watches.forget();
      await byAgent(networks, watches);
      await byHand(networks, watches);
    }
    figures.push(...figuresOf(watches, isTunnelled ? 'with a tunnel each' : 'without tunnels'));
  }
  await batch(
    'ip',
    taps.map((tap) => `link del dev ${tap}`),
  );
  return figures;
}

const changedAt = <T>(all: readonly T[], change: Partial<T>): T[] =>
  all.map((each, at) => (at === CHANGED ? { ...each, ...change } : each));

/** Guards first, as in a pass of the agent; then a pass that finds all right; one thing changed; all removed. */
async function byAgent(networks: readonly HostNetwork[], watches: Watches<Name>): Promise<void> {
  const driver = driverOf();
  const names = networks.map(({ name }) => name);
  const otherPort = changedAt(MANY_PORTS, { addresses: ['10.50.0.99'] });
  await watches.time('guard', () => driver.guardPorts(MANY_PORTS, signal()));
  await watches.time('make', () => make(driver, networks, MANY_PORTS));
  await watches.time('look', async () => {
    await driver.guardPorts(MANY_PORTS, signal());
    await make(driver, networks, MANY_PORTS);
  });
  await watches.time('mtu', () => make(driver, changedAt(networks, { mtu: 1400 }), MANY_PORTS));
  await watches.time('address', () => driver.guardPorts(otherPort, signal()));
  await watches.time('remove', () => driver.removeNetworks(names, signal()));
  await watches.time('unguard', () => driver.guardPorts([], signal()));
}

async function byHand(networks: readonly HostNetwork[], watches: Watches<Name>): Promise<void> {
  const nft = (text: string): Promise<string> => tool('nft', ['-f', '-'], text);
  const changed = networks.slice(CHANGED, CHANGED + 1);
  const port = portLinkOf(MANY_PORTS[CHANGED]?.mac ?? '');
  const element = (what: string, last: number): string =>
    `${what} element bridge skerry sources4 { "${port}" . 10.50.0.${last} }\n`;
  await watches.time('hand guard', () => nft(guardScript(MANY_PORTS)));
  await watches.time('hand make', () => makeByHand(networks));
  await watches.time('hand look', async () => {
    await tool('nft', ['-j', 'list', 'table', 'bridge', 'skerry']);
    await tool('ip', ['-j', '-d', 'link', 'show']);
    if (networks[0]?.tunnel) await tool('bridge', ['-j', 'fdb', 'show']);
  });
  await watches.time('hand mtu', () =>
    batch(
      'ip',
      changed.flatMap(({ name, link, tunnel }) =>
        [link, ...(tunnel ? [vxlanOf(name)] : [])].map((each) => `link set dev ${each} mtu 1400`),
      ),
    ),
  );
  await watches.time('hand address', () => nft(element('delete', 10) + element('add', 99)));
  await watches.time('hand remove', () => batch('ip', [`link del group ${HAND_GROUP}`]));
  await watches.time('hand unguard', () => nft('delete table bridge skerry\n'));
}

/** `ip` cannot say to whom a tunnel floods, so that takes a process more. */
async function makeByHand(networks: readonly HostNetwork[]): Promise<void> {
  const links = networks.flatMap(({ name, link, mtu, tunnel }) => [
    `link add name ${link} mtu ${mtu} group ${HAND_GROUP} type bridge forward_delay 0 mcast_snooping 0`,
    `link set dev ${link} alias "${name}" up`,
    ...(tunnel
      ? [
          `link add name ${vxlanOf(name)} mtu ${mtu} group ${HAND_GROUP} master ${link} type vxlan id ${tunnel.vni} local ${tunnel.local} dstport 4789 learning`,
          `link set dev ${vxlanOf(name)} alias "${name}" up`,
        ]
      : []),
    ...MANY_PORTS.filter(({ network }) => network === name).map(
      ({ mac }) => `link set dev ${portLinkOf(mac)} master ${link}`,
    ),
  ]);
  const floods = networks.flatMap(({ name, tunnel }) =>
    (tunnel?.peers ?? []).map((peer) => `fdb append 00:00:00:00:00:00 dev ${vxlanOf(name)} dst ${peer}`),
  );
  await batch('ip', links);
  if (floods.length > 0) await batch('bridge', floods);
}

function figuresOf(watches: Watches<Name>, how: string): Figure[] {
  const what = `${NETWORKS} networks, ${PORTS} ports, ${how}`;
  const all = 'one ip -batch, one nft -f';
  return [
    watches.against(`${what}: make`, ['guard', 'make'], ['hand guard', 'hand make'], all),
    watches.against('nothing to do', ['look'], ['hand look'], 'the same looked at by hand'),
    watches.against("change one network's MTU", ['mtu'], ['hand mtu'], 'ip -batch, without looking', false),
    watches.against("change one port's address", ['address'], ['hand address'], 'nft -f, without looking', false),
    watches.against('remove all', ['remove', 'unguard'], ['hand remove', 'hand unguard'], all),
  ];
}
