import fc from 'fast-check';
import { contains } from '#shared/model/address.ts';
import type { HostNetwork, HostRouter } from '#shared/model/network.ts';

/** A router and the networks of its host, as central could ask for them. */
export interface Asked {
  router: HostRouter;
  networks: HostNetwork[];
}

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
const name = fc.stringMatching(/^[a-z]([a-z0-9-]{0,10}[a-z0-9])?$/);
const domain = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
const port = fc.integer({ min: 1, max: 65_535 });
const bytes = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 4, maxLength: 4 });
const macOf = (at: number, kind: number): string =>
  `52:54:0${kind}:00:${(at >> 8).toString(16).padStart(2, '0')}:${(at & 255).toString(16).padStart(2, '0')}`;

interface Way {
  name: string;
  kind: 'isolated' | 'nat' | 'routed';
  mtu: number;
  length: number;
  v6: boolean;
  domain: string | undefined;
  pool: boolean;
}

const way: fc.Arbitrary<Way> = fc.record({
  name: fc.oneof(name, fc.constantFrom('lo', 'out', 'all', 'default')),
  kind: fc.constantFrom('isolated', 'nat', 'routed'),
  mtu: fc.integer({ min: 1280, max: 9_000 }),
  length: fc.integer({ min: 16, max: 28 }),
  v6: fc.boolean(),
  domain: fc.option(domain, { nil: undefined }),
  pool: fc.boolean(),
});

export const asked: fc.Arbitrary<Asked> = fc
  .record({
    name,
    outside: fc.record({ v4: fc.boolean(), v6: fc.boolean(), gateways: fc.boolean() }),
    ways: fc.uniqueArray(way, { maxLength: 6, selector: (each) => each.name }),
    hosts: fc.array(fc.record({ at: fc.nat(), name: label, last: bytes }), { maxLength: 12 }),
    forwards: fc.uniqueArray(
      fc.record({ protocol: fc.constantFrom('tcp', 'udp'), port, at: fc.nat(), toPort: port, v6: fc.boolean() }),
      { maxLength: 5, selector: (each) => each.port },
    ),
    ingress: fc.uniqueArray(
      fc.record({
        name: domain,
        port,
        servers: fc.uniqueArray(fc.record({ last: fc.integer({ min: 2, max: 250 }), port }), {
          maxLength: 4,
          selector: (each) => each.last,
        }),
        check: fc.option(fc.stringMatching(/^\/[A-Za-z0-9._~/?=&%-]{0,20}$/), { nil: undefined }),
      }),
      { maxLength: 4, selector: (each) => each.name },
    ),
    dns: fc.boolean(),
  })
  .map(({ name, outside, ways, hosts, forwards, ingress, dns }) => {
    const hasOutside = outside.v4 || outside.v6;
    const legs = ways.map((each, at) => ({
      network: each.name,
      mac: macOf(at, 1),
      addresses: [`10.${at}.0.1/${each.length}`, ...(each.v6 ? [`fd00:${at + 1}::1/64`] : [])],
    }));
    const outsideName = 'outside-leg';
    const inSome = (at: number): { network: string; n: number } | undefined =>
      ways.length === 0 ? undefined : { network: ways[at % ways.length]!.name, n: at % ways.length };
    const router: HostRouter = {
      name,
      ...(hasOutside
        ? {
            outside: {
              network: outsideName,
              mac: macOf(0, 2),
              addresses: [...(outside.v4 ? ['203.0.113.2/24'] : []), ...(outside.v6 ? ['2001:db8::2/64'] : [])],
              gateways: outside.gateways && outside.v4 ? ['203.0.113.1'] : [],
            },
          }
        : {}),
      legs,
      nat: ways.filter(({ kind }) => kind === 'nat').map((each) => each.name),
      routed: ways.filter(({ kind }) => kind === 'routed').map((each) => each.name),
      domains: Object.fromEntries(
        ways.flatMap((each) => (each.domain === undefined ? [] : [[each.name, each.domain]])),
      ),
      dns: dns ? ['192.0.2.53', '2001:db8::53'] : [],
      hosts: hosts.flatMap((host, at) => {
        const where = inSome(host.at);
        if (!where) return [];
        const addresses = [
          `10.${where.n}.0.${2 + at}`,
          ...(ways[where.n]!.v6 ? [`fd00:${where.n + 1}::${at + 2}`] : []),
        ];
        return [{ network: where.network, mac: macOf(at, 3), name: host.name, addresses }];
      }),
      pools: ways.flatMap((each, at) =>
        each.pool && contains(`10.${at}.0.0/${each.length}`, `10.${at}.0.14`)
          ? [{ network: each.name, first: `10.${at}.0.10`, last: `10.${at}.0.14` }]
          : [],
      ),
      forwards: forwards
        .filter(({ port }) => ingress.every((each) => each.port !== port))
        .map(({ protocol, port, at, toPort, v6 }) => ({
          protocol: protocol as 'tcp' | 'udp',
          port,
          toPort,
          address: v6 ? `fd00:${(at % 9) + 1}::7` : `10.${at % 9}.0.7`,
        })),
      ingress: ingress.map(({ check, servers, ...rest }) => ({
        ...rest,
        servers: servers.map(({ last, port }) => ({ address: last % 2 ? `10.0.0.${last}` : `fd00:1::${last}`, port })),
        ...(check === undefined ? {} : { check }),
      })),
    };
    const networks: HostNetwork[] = [
      { name: outsideName, kind: 'outside', link: 'br0', mtu: 1500 },
      ...ways.map((each) => ({ name: each.name, kind: each.kind, link: `sk-${each.name}`, mtu: each.mtu })),
    ];
    return { router, networks };
  });
