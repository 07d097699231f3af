import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { type LinuxRouters, linuxRouters } from '#agent/networks/linux/router/routers.ts';
import { eui64 } from '#shared/model/address.ts';
import type { HostNetwork, HostRouter } from '#shared/model/network.ts';
import { type Machine, makeScene, type Scene, sceneless } from './routers/scene.ts';
import { until } from './support/until.ts';

const never = () => new AbortController().signal;
const GROUP = 5_342;

const NETWORKS: HostNetwork[] = [
  { name: 'world', kind: 'outside', link: 'br0', mtu: 1500 },
  { name: 'grid', kind: 'nat', link: 'sk-grid', mtu: 1450 },
  { name: 'open', kind: 'routed', link: 'sk-open', mtu: 1500 },
  { name: 'cell', kind: 'isolated', link: 'sk-cell', mtu: 1500 },
];
const MACS = {
  web1: '52:54:00:63:00:0b',
  web2: '52:54:00:63:00:0c',
  open1: '52:54:00:63:01:0b',
  cell1: '52:54:00:63:02:0b',
  stranger: '52:54:00:63:00:99',
};
const PUBLIC = { v4: '203.0.113.2', v6: '2001:db8:1::2' };
const WORLD = { v4: '203.0.113.10', v6: '2001:db8:1::10' };
const web1v6 = eui64('fd00:99::/64', MACS.web1);

const ROUTER: HostRouter = {
  name: 'edge',
  outside: {
    network: 'world',
    mac: '52:54:00:00:00:01',
    addresses: [`${PUBLIC.v4}/24`, `${PUBLIC.v6}/64`],
    gateways: [WORLD.v4, WORLD.v6],
  },
  legs: [
    { network: 'grid', mac: '52:54:00:00:00:02', addresses: ['10.99.0.1/16', 'fd00:99::1/64'] },
    { network: 'open', mac: '52:54:00:00:00:03', addresses: ['198.51.100.1/24'] },
    { network: 'cell', mac: '52:54:00:00:00:04', addresses: ['10.7.0.1/24'] },
  ],
  nat: ['grid'],
  routed: ['open'],
  domains: { grid: 'grid.example.org' },
  dns: [],
  hosts: [
    { network: 'grid', mac: MACS.web1, name: 'web1', addresses: ['10.99.0.11', web1v6] },
    { network: 'grid', mac: MACS.web2, name: 'web2', addresses: ['10.99.0.12'] },
    { network: 'open', mac: MACS.open1, name: 'open1', addresses: ['198.51.100.11'] },
    { network: 'cell', mac: MACS.cell1, name: 'cell1', addresses: ['10.7.0.11'] },
  ],
  pools: [],
  forwards: [{ protocol: 'tcp', port: 8080, address: '10.99.0.11', toPort: 80 }],
  ingress: [],
};

describe('routers on Linux', function () {
  this.timeout(60_000);
  let scene: Scene;
  let routers: LinuxRouters;
  let world: Machine;
  const guests = {} as Record<keyof typeof MACS, Machine>;
  const make = (router: HostRouter = ROUTER): Promise<void> => routers.makeRouter(router, NETWORKS, never());

  before(async function () {
    if (sceneless() !== undefined) return this.skip();
    scene = await makeScene();
    for (const { link } of NETWORKS) {
      await scene.ip('link', 'add', 'name', link, 'type', 'bridge');
      await scene.ip('link', 'set', link, 'up');
    }
    world = await scene.machine('world', {
      bridge: 'br0',
      mac: '52:54:00:aa:00:01',
      addresses: [`${WORLD.v4}/24`, `${WORLD.v6}/64`],
    });
    await world.run('ip', 'route', 'add', '198.51.100.0/24', 'via', PUBLIC.v4);
    const at = { web1: 'grid', web2: 'grid', open1: 'open', cell1: 'cell', stranger: 'grid' } as const;
    for (const name of Object.keys(at) as (keyof typeof at)[])
      guests[name] = await scene.machine(name, { bridge: `sk-${at[name]}`, mac: MACS[name] });
    routers = linuxRouters({
      run: scene.run,
      folder: join(scene.folder, 'routers'),
      host: 'host1',
      group: GROUP,
      log: { info: () => {}, warn: (...said: unknown[]) => assert.fail(JSON.stringify(said)) },
    });
    await make();
    await (await world.start('serve', '80', 'world')).next();
    await (await guests.web1.start('serve', '80', 'web1')).next();
    await (await guests.web2.start('serve', '80', 'web2')).next();
    await (await guests.open1.start('serve', '80', 'open1')).next();
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
    assert.deepEqual([isolated?.ip, isolated?.router], ['10.7.0.11', '']);
  });

  it('hides a network behind its address, in IPv4 and IPv6', async () => {
    assert.equal((await guests.web1.ask('get', WORLD.v4, '80')).from, PUBLIC.v4);
    const address = await until('an IPv6 address by router advertisement', async () => {
      const shown = await guests.web1.run('ip', '-6', 'addr', 'show', 'dev', 'eth0', 'scope', 'global', '-tentative');
      return shown.includes(web1v6) ? web1v6 : undefined;
    });
    assert.ok(address);
    assert.equal((await guests.web1.ask('get', WORLD.v6, '80')).from, PUBLIC.v6);
  });
});
