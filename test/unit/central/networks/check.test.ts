import assert from 'node:assert/strict';
import { checkWay } from '#central/networks/check.ts';
import type { CheckDeps } from '#central/networks/check-hops.ts';
import {
  type NetworkState,
  type SiteNetwork,
  type SitePort,
  type SiteRouter,
  withoutRow,
  withRow,
} from '#central/networks/state.ts';
import { Failure } from '#shared/errors.ts';
import type { Nic } from '#shared/model/nic.ts';
import type { ExaminedNetwork } from '#shared/verbs/hosted-network.ts';
import type { NetworkHop } from '#shared/verbs/network.ts';
import { callOf, guestOf, type Scene, sceneOf, settled } from './scene.ts';

const made = { by: 'ann@skerry.test', at: '2026-01-01T00:00:00Z' };
const lan: SiteNetwork = {
  ...{ name: 'lan', kind: 'nat', subnets: ['10.9.0.0/24'], mtu: 1450, domain: null, level: 0, link: null, vni: 7 },
  ...{ wanted: 'up', hosts: [], ...made },
};
const web: SitePort = { mac: '06:53:00:00:00:01', network: 'lan', guest: 'web1', addresses: ['10.9.0.2'] };
const db: SitePort = { mac: '06:53:00:00:00:02', network: 'lan', guest: 'db1', addresses: ['10.9.0.3'] };
const core: SiteRouter = {
  ...{
    name: 'core',
    host: 'host2',
    heldBy: 'host2',
    outside: null,
    pools: [],
    dns: [],
    own: null,
    wanted: 'up',
    ...made,
  },
  legs: [{ network: 'lan', mac: '06:53:00:ff:00:01', addresses: ['10.9.0.1/24'] }],
};
const macs = { web1: web.mac, db1: db.mac };

/** All is well, unless a test says otherwise. */
class Stage {
  readonly scene: Scene;
  nics = new Map<string, Nic[]>(
    Object.entries(macs).map(([name, mac]) => [name, [{ mac, kind: 'bridge', source: 'sk-lan', holds: 'now' }]]),
  );
  examined = new Map<string, Partial<ExaminedNetwork>>();
  why = new Map<string, string>();
  looked: string[] = [];

  constructor(scene: Scene) {
    this.scene = scene;
  }

  change(next: (state: NetworkState) => NetworkState): Promise<unknown> {
    return this.scene.networks.take(callOf(String(Math.random())), next).then(settled);
  }

  check(from: string, to: string, port?: number): Promise<NetworkHop[]> {
    const { networks, site } = this.scene;
    const deps: CheckDeps = {
      ...{ networks, site },
      listNics: async ({ contact }) => this.nics.get(contact) ?? [],
      examine: async (host, network, mac) => ({
        ...{ network, state: 'up', isGuarded: mac !== undefined, lost: [] },
        ...(mac === undefined ? {} : { link: `sk${mac.replaceAll(':', '')}` }),
        ...this.examined.get(host),
      }),
      look: async (host, network, target) => {
        this.looked.push(`${host} ${network} ${target}`);
        const why = this.why.get(target);
        return { verdict: why === undefined ? 'good' : 'bad', kind: 'tcp', target, tookMs: 1, ...(why ? { why } : {}) };
      },
    };
    return checkWay(deps, from, to, port);
  }
}

async function staged(): Promise<Stage> {
  const scene = await sceneOf({ host1: [guestOf('web1')], host2: [guestOf('db1', 'host2')], host3: [] });
  for (const [n, name] of ['host1', 'host2'].entries()) {
    const host = scene.hosts[name] ?? assert.fail();
    host.underlay = { link: 'eth1', address: `192.0.2.${n + 1}`, mtu: 1500 };
    await scene.heard(name);
  }
  const stage = new Stage(scene);
  await stage.change((state) =>
    withRow(withRow(withRow(withRow(state, 'networks', lan), 'ports', web), 'ports', db), 'routers', core),
  );
  return stage;
}

const last = (hops: readonly NetworkHop[]): NetworkHop => hops.at(-1) ?? assert.fail('no hop');

describe('the check of a way', () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await staged();
  });
  afterEach(() => stage.scene.networks.stop());

  it('goes over all hops where all is well', async () => {
    const hops = await stage.check('web1', 'db1', 5432);
    assert.deepEqual(
      hops.map(({ hop, verdict }) => `${verdict} ${hop}`),
      [
        'good guest web1',
        'good interface of web1',
        'good network lan',
        'good lan on host1',
        'good tunnel of host1',
        'good guest db1',
        'good interface of db1',
        'good network lan',
        'good lan on host2',
        'good tunnel of host2',
        'good 10.9.0.3 from lan on host1',
      ],
    );
    assert.deepEqual(stage.looked, ['host1 lan 10.9.0.3:5432']);
    assert.equal(last(await stage.check('web1', '10.9.0.3')).verdict, 'good', 'by its address');
    assert.equal(last(await stage.check('host1', 'db1')).verdict, 'good', 'from a host');
  });

  it('goes over the router where the other end is elsewhere', async () => {
    const hops = await stage.check('web1', '198.51.100.7', 443);
    assert.ok(hops.some(({ hop, found }) => hop === 'router of lan' && found === 'core is up on host2'));
    assert.deepEqual(stage.looked, ['host1 lan 198.51.100.7:443']);
  });

  it('takes a refused connection as an answer, where no port was asked for', async () => {
    stage.why.set('10.9.0.3:9', 'connection refused');
    stage.why.set('10.9.0.3:80', 'connection refused');
    assert.equal(last(await stage.check('web1', 'db1')).found, 'it answers');
    assert.equal(last(await stage.check('web1', 'db1', 80)).found, 'it answers, and nobody listens at port 80');
  });

  type Break = (stage: Stage) => unknown;
  const host2 = (each: Stage) => each.scene.hosts.host2 ?? assert.fail();
  const breaks: [what: string, breaks: Break, hop: string, found: RegExp, mend: RegExp][] = [
    ['no interface', (each) => each.nics.set('web1', []), 'interface of web1', /no 06:53/, /network attach web1/],
    [
      'an interface from the next start on',
      (each) => each.nics.set('db1', [{ mac: db.mac, kind: 'bridge', holds: 'from the next start' }]),
      'interface of db1',
      /before the next start/,
      /restart db1/,
    ],
    [
      'a network that is stopped',
      (each) => each.change((state) => withRow(state, 'networks', { ...lan, wanted: 'down' })),
      'network lan',
      /it is stopped/,
      /network start lan/,
    ],
    [
      'a host that cannot make it',
      async (each) => {
        host2(each).troubles = () => [{ what: 'network', name: 'lan', problem: 'sk-lan is another one’s' }];
        await each.change((state) => withRow(state, 'networks', { ...lan, mtu: 1400 }));
      },
      'network lan',
      /host2: sk-lan is another one’s/,
      /mend that on host2/,
    ],
    [
      'a network with trouble',
      (each) => each.examined.set('host1', { state: 'trouble', problem: 'no bridge' }),
      'lan on host1',
      /no bridge/,
      /host1/,
    ],
    [
      'a link that is not on the bridge',
      (each) => each.examined.set('host1', { link: undefined as never }),
      'lan on host1',
      /no link of web1/,
      /restart web1/,
    ],
    [
      'a port without a guard',
      (each) => each.examined.set('host1', { isGuarded: false }),
      'lan on host1',
      /not guarded/,
      /network info lan/,
    ],
    [
      'a tunnel through which nothing comes',
      (each) => each.examined.set('host1', { lost: ['192.0.2.2: no answer to a packet of 1500 bytes'] }),
      'tunnel of host1',
      /no answer to a packet of 1500 bytes/,
      /underlay/,
    ],
    [
      'nobody at that address',
      (each) => each.why.set('10.9.0.3:9', 'there is no way to that host'),
      '10.9.0.3 from lan on host1',
      /no way to that host/,
      /address/,
    ],
  ];
  for (const [what, breakIt, hop, found, mend] of breaks)
    it(`stops at ${what}, and says what would mend it`, async () => {
      await breakIt(stage);
      const hops = await stage.check('web1', 'db1');
      const { verdict, hop: at, found: seen, mend: how = '' } = last(hops);
      assert.deepEqual([verdict, at], ['bad', hop]);
      assert.match(seen, found);
      assert.match(how, mend);
      assert.ok(hops.slice(0, -1).every((each) => each.verdict === 'good'));
    });

  it('stops at a guest that is off', async () => {
    const scene = await sceneOf({ host1: [{ ...guestOf('web1'), state: 'shutoff' }] });
    const off = new Stage(scene);
    await off.change((state) => withRow(withRow(state, 'networks', lan), 'ports', web));
    const hops = await off.check('web1', '10.9.0.9');
    assert.deepEqual(hops, [{ hop: 'guest web1', verdict: 'bad', found: 'it is shutoff', mend: 'guest start web1' }]);
    scene.networks.stop();
  });

  it('stops at a guest that has another address than it is held to', async () => {
    const scene = await sceneOf({ host1: [{ ...guestOf('web1'), addresses: ['10.9.0.77', 'fe80::1'] }] });
    const stray = new Stage(scene);
    await stray.change((state) => withRow(withRow(state, 'networks', lan), 'ports', web));
    const { hop, verdict, found, mend = '' } = last(await stray.check('web1', '10.9.0.9'));
    assert.deepEqual([hop, verdict, found], ['address of web1', 'bad', 'it has 10.9.0.77, and is held to 10.9.0.2']);
    assert.match(mend, /guest reboot web1/);
    scene.networks.stop();
  });

  const shop: SiteNetwork = { ...lan, name: 'shop', subnets: ['10.21.0.0/24'], vni: 8 };
  const shopWeb: SitePort = { mac: '06:53:00:00:00:01', network: 'shop', guest: 'web1', addresses: ['10.21.0.2'] };
  const gate: SiteRouter = {
    ...core,
    name: 'gate',
    legs: [{ network: 'shop', mac: '06:53:00:ff:00:02', addresses: ['10.21.0.1/24'] }],
    outside: { network: 'wan', mac: '06:53:00:ff:00:03', addresses: ['192.0.2.10/24'], gateways: [] },
  };
  /** web1 is on shop, db1 on lan. */
  const apart = (
    ofShop: Partial<SiteNetwork> = {},
    ofLan: Partial<SiteNetwork> = {},
    routers: SiteRouter[] = [core, gate],
  ) =>
    stage.change((state) => ({
      ...state,
      networks: new Map([
        ['lan', { ...lan, ...ofLan }],
        ['shop', { ...shop, ...ofShop }],
      ]),
      ports: new Map([shopWeb, db].map((port) => [port.mac, port])),
      routers: new Map(routers.map((router) => [router.name, router])),
    }));
  const both: SiteRouter = { ...gate, legs: [...gate.legs, ...core.legs] };
  const walls: [what: string, Parameters<typeof apart>, found: RegExp][] = [
    ['of two routers', [], /db1 is on lan, and no router joins shop and lan: private networks are private/],
    ['one without a router', [{}, { kind: 'isolated' }, [gate]], /db1 is on lan, and no router joins shop and lan/],
    ['of one router', [{}, {}, [both]], /the router gate lets nothing into it, since it is nat: private networks/],
    ['isolated, where they begin', [{ kind: 'isolated' }, { kind: 'routed' }, [both]], /shop is isolated/],
  ];
  for (const [what, scene, found] of walls)
    it(`stops between private networks: ${what}`, async () => {
      await apart(...scene);
      for (const to of ['db1', '10.9.0.3']) {
        const hop = last(await stage.check('web1', to));
        assert.equal(hop.verdict, 'bad');
        assert.match(hop.found.replace('10.9.0.3', 'db1'), found);
      }
      assert.deepEqual(stage.looked, [], 'what cannot be is not tried');
    });

  it('goes on to a network that is routed, and to a port of its router, from one that is isolated too', async () => {
    await apart({}, { kind: 'routed' }, [both]);
    assert.equal(last(await stage.check('web1', 'db1', 80)).verdict, 'good');
    await apart({ kind: 'isolated' });
    assert.equal(last(await stage.check('web1', '192.0.2.10', 80)).verdict, 'good');
    assert.match(last(await stage.check('web1', '192.0.2.11', 80)).found, /shop is isolated/);
    assert.deepEqual(stage.looked, ['host1 shop 10.9.0.3:80', 'host1 shop 192.0.2.10:80']);
  });

  it('looks from the host itself at what is outside or on no network, and asks for no router there', async () => {
    const wan: SiteNetwork = {
      ...lan,
      name: 'wan',
      kind: 'outside',
      subnets: ['10.77.0.0/24'],
      link: 'eth0',
      vni: null,
    };
    await stage.change((state) => withRow(state, 'networks', { ...wan, hosts: ['host1'] }));
    const hops = await stage.check('host1', '10.77.0.101', 2222);
    assert.deepEqual(
      hops.map(({ hop, verdict }) => `${verdict} ${hop}`),
      ['good network wan', 'good wan on host1', 'good 10.77.0.101 from host1'],
    );
    await stage.check('host1', 'host2', 22);
    await stage.check('host3', '198.51.100.7', 443);
    assert.deepEqual(stage.looked, [
      'host1 undefined 10.77.0.101:2222',
      'host1 undefined 192.0.2.2:22',
      'host3 undefined 198.51.100.7:443',
    ]);
    await stage.change((state) => withRow(withoutRow(state, 'ports', web.mac), 'ports', { ...web, network: 'wan' }));
    const out = await stage.check('web1', '198.51.100.7');
    assert.ok(!out.some(({ hop }) => hop.startsWith('router')), 'a guest outside needs none');
  });

  it('stops at a router that is stopped, ails or is not there, on the way out', async () => {
    const away = () => stage.check('web1', '198.51.100.7');
    await stage.change((state) => withRow(state, 'routers', { ...core, wanted: 'down' }));
    assert.match(last(await away()).found, /core is stopped/);
    await stage.change((state) => withRow(state, 'routers', { ...core, heldBy: 'host9' }));
    assert.match(last(await away()).found, /host9 has not said yet that it let go of it/);
    host2(stage).troubles = () => [{ what: 'router', name: 'core', problem: 'dnsmasq does not stay up' }];
    await stage.change((state) => withRow(state, 'routers', core));
    assert.match(last(await away()).found, /host2: dnsmasq does not stay up/);
    await stage.change((state) => ({ ...state, routers: new Map() }));
    assert.match(last(await away()).found, /no way out/);
  });

  it('stops at a host that does not answer, and at who is on no network', async () => {
    stage.scene.site.lose('host1', 'no answer');
    assert.match(last(await stage.check('web1', 'db1')).found, /host1: it is not heard/);
    await stage.change((state) => withoutRow(state, 'ports', web.mac));
    assert.match(last(await stage.check('web1', '198.51.100.7')).found, /on no network/);
    const failing = await staged();
    failing.nics.get = () => {
      throw new Failure('host-unreachable', { host: 'host1', problem: 'gone' });
    };
    assert.match(last(await failing.check('web1', 'db1')).found, /host1 cannot be reached: gone/);
    failing.scene.networks.stop();
  });
});
