import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { gatewayOf, ownersOn, poolsOn, vnisOf } from '#central/networks/allotment.ts';
import { compileSite, type World } from '#central/networks/compile.ts';
import { addForward, addIngress } from '#central/networks/entry-changes.ts';
import {
  addLook,
  addPort,
  createNetwork,
  deleteNetwork,
  setAddress,
  wantNetwork,
} from '#central/networks/network-changes.ts';
import { createRouter, deleteRouter } from '#central/networks/router-changes.ts';
import {
  changeOf,
  isWhole,
  macsOf,
  type NetworkState,
  NO_STATE,
  ROW_KINDS,
  undone,
  withoutRow,
} from '#central/networks/state.ts';
import { meshAddressOf } from '#central/networks/tunnels.ts';
import { Failure } from '#shared/errors.ts';
import { contains, isV6, nth, numberOf, overlap, sizeOf, split } from '#shared/model/address.ts';
import { digestOf } from '#shared/verb/digest.ts';

const PLAN = { prefix: '06:53', templates: {} };
const MESH = 'fd5e:1::/64';
const HOSTS = ['host1', 'host2', 'host3'];
const NAMES = ['lan', 'dmz', 'wan', 'far'];
const GUESTS = ['web1', 'Web_1', 'db\\20x', 'cpu'];
/** Small ones, so that they are spent and clash. */
const SUBNETS = ['10.99.0.0/29', '10.99.0.8/29', '10.99.0.0/24', '10.98.0.0/24', 'fd00:99::/64', 'fd00:98::/64'];
const ADDRESSES = [
  '10.99.0.0',
  '10.99.0.1',
  '10.99.0.3',
  '10.99.0.7',
  '10.99.0.9',
  '192.0.2.10',
  'fd00:99::5',
  '8.8.8.8',
];

type Step = (state: NetworkState) => NetworkState;
const said = { by: 'ann@skerry.test', at: '2026-01-01T00:00:00Z' };

const name = fc.constantFrom(...NAMES);
const guest = fc.constantFrom(...GUESTS);
const subnets = fc.uniqueArray(fc.constantFrom(...SUBNETS), { maxLength: 2 });
const random = fc.double({ min: 0, max: 0.999, noNaN: true });
const kind = fc.constantFrom('isolated', 'nat', 'routed', 'outside' as const);
const hosts = fc.subarray(HOSTS);
const ip = fc.uniqueArray(fc.constantFrom(...ADDRESSES), { maxLength: 2 });
const to = fc.oneof(
  guest.map((each) => ({ guest: each, port: 80 })),
  fc.constantFrom(...ADDRESSES).map((address) => ({ address, port: 80 })),
);

const changing: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ name, kind, subnets, hosts, random, level: fc.integer({ min: 0, max: 2 }) }).map(
    ({ random: drawn, ...wanted }): Step =>
      (state) =>
        createNetwork(
          state,
          {
            ...said,
            ...wanted,
            mtu: 1450,
            domain: null,
            link: wanted.kind === 'outside' ? `eth-${wanted.name}` : null,
          },
          () => drawn,
        ),
  ),
  fc
    .record({
      name: fc.constantFrom('r1', 'r2'),
      subnet: subnets,
      network: fc.subarray(['lan', 'dmz']),
      random,
      pool: fc.boolean(),
      outside: fc.boolean(),
    })
    .map(
      ({ name: router, subnet, network, random: drawn, pool, outside }): Step =>
        (state) =>
          createRouter(
            state,
            {
              ...{
                ...said,
                name: router,
                public: outside ? [router === 'r1' ? '192.0.2.10/24' : '192.0.2.11/24'] : [],
                gateway: outside ? ['192.0.2.1'] : [],
              },
              ...{ outside: undefined, network, host: 'host1', dns: [], pool: pool ? ['10.99.0.4-10.99.0.5'] : [] },
              own:
                subnet.length === 0
                  ? undefined
                  : {
                      ...said,
                      name: router,
                      kind: outside ? 'nat' : 'isolated',
                      subnets: subnet,
                      mtu: 1450,
                      domain: 'example.org',
                      level: 1,
                      link: null,
                      hosts: [],
                    },
            },
            { plan: PLAN, random: () => drawn, hosts: HOSTS, realisersOf: () => [] },
          ),
    ),
  fc.record({ guest, ip, network: fc.option(name, { nil: undefined }) }).map(
    (wanted): Step =>
      (state) =>
        addPort(state, wanted, PLAN),
  ),
  fc.record({ guest, ip }).map(
    (wanted): Step =>
      (state) =>
        setAddress(state, wanted, PLAN),
  ),
  fc.tuple(name, fc.constantFrom('up', 'down' as const)).map(
    ([network, wanted]): Step =>
      (state) =>
        wantNetwork(state, network, wanted),
  ),
  fc.tuple(name, fc.constantFrom(...HOSTS)).map(
    ([network, host]): Step =>
      (state) =>
        addLook(state, { network, host }, PLAN),
  ),
  fc.record({ router: fc.constantFrom('r1', 'r2'), port: fc.integer({ min: 80, max: 82 }), to }).map(
    (wanted): Step =>
      (state) =>
        addForward(state, { ...wanted, protocol: 'tcp' }),
  ),
  fc
    .record({
      router: fc.constantFrom('r1', 'r2'),
      port: fc.integer({ min: 82, max: 85 }),
      servers: fc.array(to, { minLength: 1, maxLength: 2 }),
    })
    .map(
      (wanted): Step =>
        (state) =>
          addIngress(state, { ...wanted, name: 'www.example.org', check: null }),
    ),
);
const removing: fc.Arbitrary<Step> = fc.oneof(
  name.map(
    (network): Step =>
      (state) =>
        deleteNetwork(state, network),
  ),
  fc.constantFrom('r1', 'r2').map(
    (router): Step =>
      (state) =>
        deleteRouter(state, router),
  ),
  fc.nat(5).map(
    (n): Step =>
      (state) =>
        withoutRow(state, 'ports', [...state.ports.keys()][n] ?? ''),
  ),
);

const step = fc.oneof({ weight: 9, arbitrary: changing }, { weight: 1, arbitrary: removing });

/** Where all begin: so that what comes then is not refused for want of networks. */
const BEGIN: readonly Step[] = [
  (state) =>
    createNetwork(state, { ...said, ...plain('wan', []), kind: 'outside', link: 'eth0', hosts: ['host1'] }, () => 0),
  (state) => createNetwork(state, { ...said, ...plain('lan', ['10.99.0.0/29', 'fd00:99::/64']), hosts: [] }, () => 0),
  (state) =>
    createNetwork(state, { ...said, ...plain('dmz', ['10.99.0.8/29']), kind: 'nat', hosts: ['host2'] }, () => 0.5),
];
const plain = (of: string, subnetsOf: readonly string[]) => ({
  ...{ name: of, kind: 'isolated' as const, subnets: subnetsOf, mtu: 1450, domain: null, level: 0, link: null },
});
const steps = fc.array(step, { minLength: 5, maxLength: 40 }).map((more) => [...BEGIN, ...more]);

/** What is refused changes nothing; any other error is a fault. */
function after(state: NetworkState, next: Step): NetworkState {
  try {
    return next(state);
  } catch (error) {
    if (error instanceof Failure) return state;
    throw error;
  }
}

const world: fc.Arbitrary<World> = fc
  .record({
    places: fc.array(fc.subarray(HOSTS, { maxLength: 2 }), { minLength: GUESTS.length, maxLength: GUESTS.length }),
    underlays: fc.subarray(HOSTS),
    known: fc.subarray(HOSTS, { minLength: 1 }),
    isMixed: fc.boolean(),
    wireguards: fc.subarray(HOSTS),
    endpoints: fc.subarray(HOSTS),
    isCopied: fc.boolean(),
  })
  .map(({ places, underlays, known, isMixed, wireguards, endpoints, isCopied }) => ({
    hosts: new Set(known),
    hostsOf: (each) => (places[GUESTS.indexOf(each)] ?? []).filter((host) => known.includes(host)),
    underlayOf: (host) => {
      const n = HOSTS.indexOf(host) + 1;
      if (!underlays.includes(host)) return undefined;
      return { address: isMixed && n === 2 ? 'fd01::2' : `198.51.100.${n}`, mtu: 1500 };
    },
    mesh: MESH,
    wireguardOf: (host) => {
      if (!wireguards.includes(host)) return undefined;
      const key = isCopied ? 'host1' : host;
      return {
        ...{ publicKey: createHash('sha256').update(key).digest('base64'), port: 51_820, mtu: 1420 },
        ...(endpoints.includes(host) ? { endpoint: `${host}.example.org` } : {}),
      };
    },
  }));

/** How often something is so in what is tried: what never is would prove nothing. */
const SAMPLES = fc.sample(steps, { numRuns: 200, seed: 7 }).map((all) => all.reduce(after, NO_STATE));
const share = (isSo: (state: NetworkState) => boolean): number => SAMPLES.filter(isSo).length / SAMPLES.length;

describe('networks after any changes', () => {
  it('are of all kinds', () => {
    const shares = {
      ports: share(({ ports }) => ports.size > 1),
      outside: share(({ routers }) => [...routers.values()].some((router) => router.outside)),
      twoRouters: share(({ routers }) => routers.size > 1),
      forwards: share(({ forwards }) => forwards.size > 0),
      ingress: share(({ ingress }) => ingress.size > 0),
      looks: share(({ looks, routers }) => looks.size > 0 && routers.size > 0),
    };
    for (const [what, each] of Object.entries(shares)) assert.ok(each > 0, `${what} in ${each} of all`);
  });

  it('name only what is there, share no subnet, and have each MAC, VNI and address once', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const state = all.reduce(after, NO_STATE);
        assert.ok(isWhole(state));
        const { networks, ports, looks, routers } = state;
        const subnetsIn = [...networks.values()].flatMap((network) => network.subnets);
        for (const [n, one] of subnetsIn.entries())
          for (const other of subnetsIn.slice(n + 1)) assert.ok(!overlap(one, other));
        const legs = [...routers.values()].reduce((sum, each) => sum + each.legs.length + (each.outside ? 1 : 0), 0);
        assert.equal(macsOf(state).size, ports.size + looks.size + legs);
        assert.equal(vnisOf(state).size, [...networks.values()].filter((each) => each.kind !== 'outside').length);
        for (const network of networks.keys()) {
          const given = [
            ...[...ports.values()].filter((each) => each.network === network).flatMap((each) => each.addresses),
            ...[...looks.values()]
              .filter((each) => each.network === network)
              .flatMap((each) => each.addresses.map((one) => split(one).address)),
            ...[...routers.values()].flatMap(({ outside, legs: own }) =>
              [outside, ...own].flatMap((leg) =>
                leg?.network === network ? leg.addresses.map((one) => split(one).address) : [],
              ),
            ),
          ];
          assert.equal(ownersOn(state, network).size, given.length, given.join());
        }
      }),
      { numRuns: 300 },
    );
  });

  it('give guests only addresses that a guest can have there', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const state = all.reduce(after, NO_STATE);
        for (const { network: on, addresses } of state.ports.values()) {
          const network = state.networks.get(on);
          assert.ok(network);
          for (const address of addresses) {
            const subnet: string | undefined = network.subnets.find((each) => contains(each, address));
            if (network.subnets.length > 0) assert.ok(subnet, `${address} in ${network.subnets}`);
            if (!subnet || isV6(subnet)) continue;
            assert.notEqual(address, nth(subnet, 0n));
            assert.notEqual(address, nth(subnet, sizeOf(subnet) - 1n));
            if (network.kind !== 'outside') assert.notEqual(address, gatewayOf(subnet));
            for (const { first, last } of poolsOn(state, on))
              assert.ok(numberOf(address) < numberOf(first) || numberOf(address) > numberOf(last));
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('are as before when a change is undone, and the same when they were written and read', () => {
    fc.assert(
      fc.property(steps, step, (all, last) => {
        const before = all.reduce(after, NO_STATE);
        const next = after(before, last);
        const change = JSON.parse(JSON.stringify(changeOf(before, next)));
        assert.deepEqual(changeOf(undone(next, change), before), []);
      }),
    );
  });
});

describe('what hosts realise', () => {
  it('is a document of each host, the same whenever it is compiled', () => {
    fc.assert(
      fc.property(steps, world, (all, where) => {
        const state = all.reduce(after, NO_STATE);
        const turned = Object.fromEntries(
          ROW_KINDS.map((of) => [of, new Map<string, unknown>([...state[of]].reverse())]),
        );
        const [one, other] = [compileSite(state, where), compileSite(turned as unknown as NetworkState, where)];
        assert.deepEqual(one.hosts, other.hosts);
        for (const host of one.hosts)
          assert.equal(digestOf('networks', one.documentOf(host)), digestOf('networks', other.documentOf(host)));
      }),
      { numRuns: 200 },
    );
  });

  it('are the networks that are named for them, or have a guest, a router or a look there, and no others', () => {
    fc.assert(
      fc.property(steps, world, (all, where) => {
        const state = all.reduce(after, NO_STATE);
        const compiled = compileSite(state, where);
        for (const host of HOSTS) {
          const wanted = [...state.networks.values()].filter(
            ({ name: of, wanted: goal, hosts: named }) =>
              goal === 'up' &&
              where.hosts.has(host) &&
              (named.includes(host) ||
                [...state.ports.values()].some(
                  (port) => port.network === of && where.hostsOf(port.guest).includes(host),
                ) ||
                state.looks.has(`${of} ${host}`) ||
                [...state.routers.values()].some(
                  (router) =>
                    router.host === host && [router.outside, ...router.legs].some((leg) => leg?.network === of),
                )),
          );
          const document = compiled.documentOf(host);
          assert.deepEqual(
            document.networks.map((each) => each.name),
            wanted.map((each) => each.name).sort(),
          );
          const guests = [...state.ports.values()].filter(
            (port) => where.hostsOf(port.guest).includes(host) && state.networks.get(port.network)?.wanted === 'up',
          );
          assert.equal(document.ports.length, guests.length);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('are joined both ways, to all others that have an underlay of the same kind', () => {
    fc.assert(
      fc.property(steps, world, (all, where) => {
        const state = all.reduce(after, NO_STATE);
        const compiled = compileSite(state, where);
        for (const [name, { kind: of }] of state.networks) {
          const realisers = compiled.realisersOf(name);
          for (const host of realisers) {
            const { tunnel } = compiled.documentOf(host).networks.find((each) => each.name === name) ?? {};
            const startOf = (each: string): string | undefined =>
              where.wireguardOf(each) ? meshAddressOf(MESH, each) : where.underlayOf(each)?.address;
            const own = startOf(host);
            const others = realisers.flatMap((other) => {
              const address = other === host ? undefined : startOf(other);
              if (address === undefined || own === undefined || isV6(own) !== isV6(address)) return [];
              if (contains(MESH, own) !== contains(MESH, address)) return [];
              const [key, its] = [where.wireguardOf(host)?.publicKey, where.wireguardOf(other)?.publicKey];
              return key !== undefined && key === its ? [] : [address];
            });
            assert.deepEqual(tunnel?.peers ?? [], of === 'outside' ? [] : others.sort());
            const isTold = compiled.troubles.some((each) => each.name === name);
            if (of !== 'outside' && realisers.length > 1 && others.length < realisers.length - 1) assert.ok(isTold);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it('meet by WireGuard where they share a network, know each other both ways, and nobody else', () => {
    const seen = { peers: 0, alone: 0, nat: 0 };
    fc.assert(
      fc.property(steps, world, (all, where) => {
        const compiled = compileSite(all.reduce(after, NO_STATE), where);
        const meshOf = (host: string) => compiled.documentOf(host).mesh;
        for (const host of HOSTS) {
          const { mesh, networks } = compiled.documentOf(host);
          const own = where.wireguardOf(host);
          const inside = networks.flatMap(({ tunnel }) => (tunnel && contains(MESH, tunnel.local) ? [tunnel] : []));
          const reached = new Set(inside.flatMap(({ peers }) => peers));
          for (const { local } of inside) assert.equal(local, meshAddressOf(MESH, host));
          if (!own) assert.equal(mesh, undefined);
          for (const peer of mesh?.peers ?? []) {
            assert.ok(where.hosts.has(peer.host), 'no host that is forgotten');
            assert.equal(peer.publicKey, where.wireguardOf(peer.host)?.publicKey);
            assert.ok(reached.has(peer.address) && peer.address === meshAddressOf(MESH, peer.host));
            assert.equal(meshOf(peer.host)?.peers.find((each) => each.host === host)?.address, mesh?.address);
            assert.equal(peer.keepaliveS !== undefined, own?.endpoint === undefined);
            seen.nat += peer.endpoint ? 0 : 1;
          }
          assert.equal(mesh?.peers.length ?? 0, reached.size);
          seen.peers += mesh?.peers.length ?? 0;
          seen.alone += own && !mesh ? 1 : 0;
        }
      }),
      // Few of them have two hosts that meet: so many that all kinds are among them.
      { numRuns: 2_000 },
    );
    for (const [what, times] of Object.entries(seen)) assert.ok(times > 0, `${what} was tried`);
  });

  it('have one address of the mesh each, whatever their names', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ minLength: 1 }), { maxLength: 50 }), (names) => {
        const given = names.map((each) => meshAddressOf(MESH, each));
        assert.equal(new Set(given).size, names.length);
        for (const address of given) assert.ok(contains(MESH, address) && address !== nth(MESH, 0n));
        assert.deepEqual(
          names.map((each) => meshAddressOf(MESH, each)),
          given,
        );
      }),
    );
  });
});
