import { type HostNetwork, type HostPort, HostRouter } from '#shared/model/network.ts';

export const NETWORKS = 100;
export const PORTS = 200;
/** The address of this host's underlay. */
export const LOCAL = '192.0.2.1';
const PEERS = ['192.0.2.2', '192.0.2.3'];

const hex = (n: number): string => n.toString(16).padStart(2, '0');

export const isolated = (name: string, tunnel?: HostNetwork['tunnel']): HostNetwork => ({
  ...{ name, kind: 'isolated', link: `sk-${name}`, mtu: 1450 },
  ...(tunnel ? { tunnel } : {}),
});

export const manyNetworks = (isTunnelled: boolean): HostNetwork[] =>
  Array.from({ length: NETWORKS }, (_, at) =>
    isolated(`n${at}`, isTunnelled ? { vni: 100 + at, local: LOCAL, peers: PEERS } : undefined),
  );

/** Two on each network, with an address of either family. */
export const MANY_PORTS: readonly HostPort[] = Array.from({ length: PORTS }, (_, at) => ({
  network: `n${at % NETWORKS}`,
  mac: `52:54:00:01:${hex(at >> 8)}:${hex(at & 255)}`,
  guest: `g${at}`,
  addresses: [`10.${at % NETWORKS}.0.${10 + Math.floor(at / NETWORKS)}`, `fd00:${at % NETWORKS}::${hex(10 + at)}`],
}));

/** A private network, and the bridge outside. */
export const AROUND_ROUTER: readonly HostNetwork[] = [
  isolated('grid'),
  { name: 'wan', kind: 'outside', link: 'wan0', mtu: 1500 },
];

const reservation = (at: number): HostRouter['hosts'][number] => ({
  ...{ network: 'grid', mac: `52:54:00:02:00:${hex(at)}`, name: `g${at}`, addresses: [`10.99.0.${10 + at}`] },
});

/** A router of that network with so many reservations. */
export const routerWith = (reservations: number, forwards: HostRouter['forwards'] = []): HostRouter =>
  HostRouter.parse({
    name: 'gate',
    outside: {
      network: 'wan',
      mac: '52:54:00:03:00:01',
      addresses: ['203.0.113.2/24'],
      gateways: ['203.0.113.1'],
    },
    legs: [{ network: 'grid', mac: '52:54:00:03:00:02', addresses: ['10.99.0.1/16'] }],
    nat: ['grid'],
    routed: [],
    domains: { grid: 'grid.example.org' },
    dns: [],
    hosts: Array.from({ length: reservations }, (_, at) => reservation(at)),
    forwards,
  });
