import assert from 'node:assert/strict';
import { after, before, describe, it } from 'mocha';
import type { LinuxRouters } from '#agent/networks/linux/router/routers.ts';
import type { HostRouter } from '#shared/model/network.ts';
import { isSceneless, type Machine, makeScene, type Scene, type Talk } from './routers/scene.ts';
import {
  MACS,
  makeBridges,
  NETWORKS,
  never,
  PUBLIC,
  pidsOf,
  ROUTER,
  routersOn,
  statusOf,
  WEB1_V6,
  WORLD,
} from './routers/site.ts';
import { until } from './support/until.ts';

describe('routers on Linux: what passes', function () {
  this.timeout(120_000);
  let scene: Scene;
  let routers: LinuxRouters;
  let world: Machine;
  let web2Serves: Talk;
  const guests = {} as Record<keyof typeof MACS, Machine>;
  const make = (router: HostRouter): Promise<void> => routers.makeRouter(router, NETWORKS, never());
  const serving = async (machine: Machine, name: string): Promise<Talk> => {
    const talk = await machine.start('serve', '80', name);
    assert.deepEqual(await talk.next(), { serving: true });
    return talk;
  };

  before(async function () {
    if (isSceneless()) return this.skip();
    scene = await makeScene();
    await makeBridges(scene);
    world = await scene.machine('world', {
      bridge: 'br0',
      mac: '52:54:00:aa:00:01',
      addresses: [`${WORLD.v4}/24`, `${WORLD.v6}/64`],
    });
    for (const subnet of ['198.51.100.0/24', '10.0.0.0/8', 'fd00:99::/64'])
      await world.run('ip', 'route', 'add', subnet, 'via', subnet.includes(':') ? PUBLIC.v6 : PUBLIC.v4);
    const at = { web1: 'grid', web2: 'grid', open1: 'open', cell1: 'cell', stranger: 'grid' } as const;
    for (const name of Object.keys(at) as (keyof typeof at)[])
      guests[name] = await scene.machine(name, { bridge: `sk-${at[name]}`, mac: MACS[name] });
    routers = routersOn(scene);
    await make(ROUTER);
    await Promise.all([serving(world, 'world'), serving(guests.web1, 'web1'), serving(guests.open1, 'open1')]);
    web2Serves = await serving(guests.web2, 'web2');
  });
  after(async () => {
    if (!scene) return;
    for (const name of await routers.readRouters(never())) await routers.removeRouter(name, never());
    await scene.close();
  });

  it('gives each guest the address that is reserved for it, and what it needs to know', async () => {
    assert.deepEqual(await guests.web1.dhcp(), {
      ip: '10.99.0.11',
      router: '10.99.0.1',
      dns: '10.99.0.1',
      mtu: '1450',
      domain: 'grid.example.org',
    });
    assert.equal((await guests.web2.dhcp())?.ip, '10.99.0.12');
    assert.equal((await guests.open1.dhcp())?.ip, '198.51.100.11');
    const isolated = await guests.cell1.dhcp();
    assert.deepEqual([isolated?.ip, isolated?.router], ['10.7.0.11', ''], 'nothing leads out of there');
    const leases = await routers.readLeases('edge', never());
    assert.deepEqual(leases.map(({ network, address, mac, name }) => [network, address, mac, name]).toSorted(), [
      ['cell', '10.7.0.11', MACS.cell1, 'cell1'],
      ['grid', '10.99.0.11', MACS.web1, 'web1'],
      ['grid', '10.99.0.12', MACS.web2, 'web2'],
      ['open', '198.51.100.11', MACS.open1, 'open1'],
    ]);
    assert.ok(leases.every(({ until }) => Date.parse(until ?? '') > Date.now()));
  });

  it('answers for names and addresses of its networks, and refuses other names', async () => {
    const ask = async (name: string, type: string): Promise<unknown> => {
      const { found, error } = await guests.web2.ask('resolve', '10.99.0.1', name, type);
      return found ?? String(error).split(' ')[0];
    };
    assert.deepEqual(await ask('web1', 'A'), ['10.99.0.11']);
    assert.deepEqual(await ask('web1.grid.example.org', 'A'), ['10.99.0.11']);
    assert.deepEqual(await ask('web1.grid.example.org', 'AAAA'), [WEB1_V6]);
    assert.deepEqual(await ask('10.99.0.11', 'PTR'), ['web1.grid.example.org']);
    assert.deepEqual(await ask(WEB1_V6, 'PTR'), ['web1.grid.example.org']);
    assert.deepEqual(await ask('web9.grid.example.org', 'A'), 'ENOTFOUND');
    assert.deepEqual(await ask('example.com', 'A'), 'EREFUSED');
  });

  it('hides a network behind its address, in IPv4 and IPv6', async () => {
    assert.equal((await guests.web1.ask('get', WORLD.v4, '80')).from, PUBLIC.v4);
    await until('an IPv6 address by router advertisement', async () => {
      const shown = await guests.web1.run('ip', '-6', 'addr', 'show', 'dev', 'eth0', 'scope', 'global', '-tentative');
      return shown.includes(WEB1_V6) ? true : undefined;
    });
    assert.equal((await guests.web1.ask('get', WORLD.v6, '80')).from, PUBLIC.v6);
  });

  it('passes a routed network on as it is, both ways', async () => {
    assert.equal((await guests.open1.ask('get', WORLD.v4, '80')).from, '198.51.100.11');
    assert.equal((await world.ask('get', '198.51.100.11', '80')).from, WORLD.v4);
    assert.equal((await guests.web1.ask('get', '198.51.100.11', '80')).by, 'open1', 'it is open to hidden ones too');
  });

  it('forwards a port, from outside and from inside', async () => {
    const from = (machine: Machine) => machine.ask('get', PUBLIC.v4, '8080');
    assert.deepEqual(await from(world), { by: 'web1', from: WORLD.v4, host: `${PUBLIC.v4}:8080` });
    assert.equal((await from(guests.web2)).by, 'web1', 'a neighbour of the guest');
    assert.equal((await from(guests.web1)).by, 'web1', 'the guest itself');
  });

  it('drops what nobody let in or out', async () => {
    await guests.cell1.run('ip', 'route', 'add', 'default', 'via', '10.7.0.1');
    const ways: [string, Machine, string][] = [
      ['from outside to a hidden guest', world, '10.99.0.11'],
      ['from outside to a hidden guest, IPv6', world, WEB1_V6],
      ['out of an isolated network', guests.cell1, WORLD.v4],
      ['from an isolated network to another', guests.cell1, '10.99.0.11'],
      ['from a routed network to a hidden one', guests.open1, '10.99.0.11'],
    ];
    const reached = await Promise.all(ways.map(async ([way, from, to]) => ((await from.reaches(to)) ? [way] : [])));
    assert.deepEqual(reached.flat(), []);
    await guests.cell1.run('ping', '-c', '1', '-W', '5', '10.7.0.1');
  });

  it('offers nothing outside but what it shall', async () => {
    await world.run('ping', '-c', '1', '-W', '5', PUBLIC.v4);
    await world.run('ping', '-c', '1', '-W', '5', PUBLIC.v6);
    const { error } = await world.ask('resolve', PUBLIC.v4, 'web1', 'A', '1');
    assert.match(String(error), /ETIMEOUT|ECONNREFUSED/);
    await assert.rejects(world.run('ping', '-c', '1', '-W', '1', '10.99.0.1'), 'an address of the router inside');
  });

  it('passes HTTP in by host name, to the servers that answer', async () => {
    const servers = [
      { address: '10.99.0.11', port: 80 },
      { address: '10.99.0.12', port: 80 },
    ];
    const by = async (name: string): Promise<unknown> => {
      const { by, status } = await world.ask('get', PUBLIC.v4, '80', name);
      return by ?? status;
    };
    // Its server had no address when the router came up: it is passed to from the next check on.
    await until('the first server', async () => ((await by('www.example.org')) === 'web1' ? true : undefined));
    assert.equal(await by('WWW.example.org:80'), 'web1');
    assert.equal(await by('other.example.org'), 404);

    const before = await pidsOf(scene, 'haproxy');
    await make({ ...ROUTER, ingress: [{ ...ROUTER.ingress[0]!, servers }] });
    await until('both servers', async () => ((await by('www.example.org')) === 'web2' ? true : undefined));
    assert.deepEqual(await pidsOf(scene, 'haproxy'), before, 'nothing was started for it');

    await web2Serves.end();
    await until('only the one that lives', async () => {
      const answers = await Promise.all(Array.from({ length: 6 }, () => by('www.example.org')));
      return answers.every((each) => each === 'web1') ? true : undefined;
    });
    web2Serves = await serving(guests.web2, 'web2');
    await until('the other one again', async () => ((await by('www.example.org')) === 'web2' ? true : undefined));

    await make({ ...ROUTER, ingress: [{ ...ROUTER.ingress[0]!, servers: servers.slice(1) }] });
    assert.deepEqual(await Promise.all([by('www.example.org'), by('www.example.org')]), ['web2', 'web2']);
    assert.deepEqual(await pidsOf(scene, 'haproxy'), before);
    await make(ROUTER);
  });

  it('is changed while connections go on, and nothing is started anew', async () => {
    await (await world.start('echo', '7')).next();
    const held = await guests.web1.start('hold', WORLD.v4, '7');
    assert.deepEqual(await held.next(), { heard: PUBLIC.v4 });
    const echoes = async (word: string): Promise<void> => {
      held.say(word);
      assert.deepEqual(await held.next(), { heard: word });
    };
    const dnsmasq = await pidsOf(scene, 'dnsmasq');
    const stranger = { network: 'grid', mac: MACS.stranger, name: 'stranger', addresses: ['10.99.0.99'] };

    assert.equal(await guests.stranger.dhcp(3), undefined, 'nothing is reserved for it');
    await make({ ...ROUTER, hosts: [...ROUTER.hosts, stranger] });
    assert.equal((await guests.stranger.dhcp())?.ip, '10.99.0.99');
    assert.deepEqual((await guests.web2.ask('resolve', '10.99.0.1', 'stranger', 'A')).found, ['10.99.0.99']);
    assert.deepEqual(await pidsOf(scene, 'dnsmasq'), dnsmasq);
    await echoes('a reservation');

    await make({ ...ROUTER, hosts: [...ROUTER.hosts, { ...stranger, addresses: ['10.99.0.98'] }] });
    assert.equal((await guests.stranger.dhcp())?.ip, '10.99.0.98', 'another address');
    await make(ROUTER);
    assert.equal(await guests.stranger.dhcp(3), undefined, 'it is really gone');
    assert.match(
      String((await guests.web2.ask('resolve', '10.99.0.1', 'stranger.grid.example.org', 'A')).error),
      /ENOTFOUND/,
    );
    await echoes('none');

    const leases = await routers.readLeases('edge', never());
    assert.deepEqual(leases.map(({ name }) => name).toSorted(), ['cell1', 'open1', 'web1', 'web2'], 'others are kept');
    const heir = { ...stranger, mac: '52:54:00:63:00:98', name: 'heir', addresses: ['10.99.0.98'] };
    await make({ ...ROUTER, hosts: [...ROUTER.hosts, heir] });
    await guests.stranger.run('ip', 'link', 'set', 'dev', 'eth0', 'address', heir.mac);
    assert.equal((await guests.stranger.dhcp())?.ip, '10.99.0.98', 'another one has the address at once');
    await echoes('an heir');

    const forward = { protocol: 'tcp', port: 8081, address: '10.99.0.12', toPort: 80 } as const;
    await make({ ...ROUTER, forwards: [...ROUTER.forwards, forward] });
    assert.equal((await world.ask('get', PUBLIC.v4, '8081')).by, 'web2');
    await make(ROUTER);
    assert.equal(await world.reaches(PUBLIC.v4, 8081), false);
    await echoes('a forward');

    const haproxy = await pidsOf(scene, 'haproxy');
    const other = { name: 'api.example.org', port: 8000, servers: [{ address: '10.99.0.12', port: 80 }], check: '/' };
    await make({ ...ROUTER, ingress: [...ROUTER.ingress, other] });
    await until('the other way in', async () =>
      (await world.ask('get', PUBLIC.v4, '8000', 'api.example.org')).by === 'web2' ? true : undefined,
    );
    assert.equal((await pidsOf(scene, 'haproxy'))[0], haproxy[0], 'it took its files anew');
    await make(ROUTER);
    await echoes('an ingress');
    await held.end();
  });

  it('asks its name servers about other names, and gives from a pool', async () => {
    const upstream = await world.startProgram(
      ...['dnsmasq', '--keep-in-foreground', '--no-hosts', '--no-resolv', '--conf-file=/dev/null', '--pid-file='],
      ...['--address=/example.com/192.0.2.7', '--address=/grid.example.org/192.0.2.8'],
    );
    await until('it answers', async () => (await world.ask('resolve', WORLD.v4, 'example.com', 'A')).found);
    await make({ ...ROUTER, dns: [WORLD.v4], pools: [{ network: 'grid', first: '10.99.1.1', last: '10.99.1.9' }] });
    assert.match((await guests.stranger.dhcp())?.ip ?? '', /^10\.99\.1\.[1-9]$/);
    const ask = async (name: string) => (await guests.web2.ask('resolve', '10.99.0.1', name, 'A')).found;
    assert.deepEqual(await ask('www.example.com'), ['192.0.2.7']);
    assert.deepEqual(await ask('web1.grid.example.org'), ['10.99.0.11']);
    assert.equal(await ask('web9.grid.example.org'), undefined, 'names of ours are not asked for elsewhere');
    await upstream.end();
  });

  it('runs its services with little power', async () => {
    const [dnsmasq] = await pidsOf(scene, 'dnsmasq');
    assert.equal((await statusOf(dnsmasq!, 'Uid')).split('\t')[0], '65534');
    assert.equal(await statusOf(dnsmasq!, 'CapEff'), '0000000000003400', 'net_bind_service, net_admin, net_raw');
    const [first, worker] = await pidsOf(scene, 'haproxy');
    assert.equal(
      await statusOf(first!, 'CapEff'),
      '00000000000404e0',
      'kill, setgid, setuid, net_bind_service, sys_chroot',
    );
    assert.notEqual((await statusOf(worker!, 'Uid')).split('\t')[0], '0');
    assert.equal(await statusOf(worker!, 'CapEff'), '0000000000000000');
    assert.equal(await statusOf(dnsmasq!, 'NoNewPrivs'), '1');
  });
});
