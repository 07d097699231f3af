import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import type { LinuxRouters } from '#agent/networks/linux/router/routers.ts';
import { tell } from '#agent/services/processes.ts';
import type { HostRouter } from '#shared/model/network.ts';
import { isSceneless, type Machine, makeScene, type Scene, type Talk } from './routers/scene.ts';
import {
  MACS,
  makeBridges,
  NETWORKS,
  never,
  pidsOf,
  processesOf,
  ROUTER,
  routersOn,
  statusOf,
  WORLD,
} from './routers/site.ts';
import { until } from './support/until.ts';

const ASKING: HostRouter = {
  ...ROUTER,
  outside: { network: 'world', mac: '52:54:00:00:00:01', addresses: [], gateways: [] },
  legs: ROUTER.legs.slice(0, 1),
  routed: [],
  hosts: ROUTER.hosts.slice(0, 2),
};

describe('routers on Linux: an address outside by DHCP', function () {
  this.timeout(120_000);
  let scene: Scene;
  let routers: LinuxRouters;
  let world: Machine;
  let web1: Machine;
  let provider: Talk | undefined;
  const make = (router: HostRouter = ASKING): Promise<void> => routers.makeRouter(router, NETWORKS, never());
  const given = async (): Promise<string[]> => (await routers.readGiven('edge', never())).addresses;
  const problems = async (): Promise<string> => {
    assert.deepEqual(await routers.examineRouter('edge', never()), [], 'that it waits is no trouble of its host');
    return (await routers.readGiven('edge', never())).problem ?? '';
  };

  /** Somebody outside who gives this address, and would like to be the name server and more. */
  async function provide(address: string, more: readonly string[] = []): Promise<void> {
    await provider?.end();
    const mask = address.startsWith('10.') ? '255.255.0.0' : '255.255.255.0';
    provider = await world.startProgram(
      ...['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--pid-file=', '--port=0', '--no-ping'],
      ...[`--dhcp-range=${address},${address},${mask},2m`, '--dhcp-authoritative', '--domain=evil.example'],
      ...['--dhcp-option=option:dns-server,192.0.2.66', '--dhcp-option-force=121,192.0.2.0/24,203.0.113.66'],
      ...[`--dhcp-leasefile=${join(scene.folder, `provider-${address}`)}`, ...more],
    );
  }
  const has = (address: string): Promise<true> =>
    until(`${address} outside`, async () => ((await given()).join() === `${address}/24` ? true : undefined));
  const client = async () => (await processesOf(scene, 'busybox'))[0]!;

  before(async function () {
    if (isSceneless()) return this.skip();
    scene = await makeScene();
    await makeBridges(scene);
    const addresses = [`${WORLD.v4}/24`, '10.99.200.1/16'];
    world = await scene.machine('world', { bridge: 'br0', mac: '52:54:00:aa:00:01', addresses });
    web1 = await scene.machine('web1', { bridge: 'sk-grid', mac: MACS.web1 });
    routers = routersOn(scene);
  });
  after(async () => {
    if (!scene) return;
    for (const name of await routers.readRouters(never())) await routers.removeRouter(name, never());
    await scene.close();
  });

  it('is up for the inside while nobody outside answers, and says so', async () => {
    await make();
    assert.equal(await problems(), 'it has no address outside yet: nobody there has given one by DHCP');
    assert.deepEqual(await given(), []);
    assert.equal((await web1.dhcp())?.ip, '10.99.0.11');
    assert.deepEqual((await web1.ask('resolve', '10.99.0.1', 'web1', 'A')).found, ['10.99.0.11']);
  });

  it('takes the address that it is given, and is told of', async () => {
    const told = Promise.withResolvers<void>();
    const end = routers.watch(told.resolve);
    const resolver = await readFile('/etc/resolv.conf', 'utf8');
    const routes = await scene.ip('route', 'show');
    await provide('203.0.113.50');
    await has('203.0.113.50');
    await told.promise;
    end();
    for (const [machine, port, name] of [
      [world, '80', 'world'],
      [web1, '80', 'web1'],
    ] as const)
      await (await machine.start('serve', port, name)).next();
    await until('the way out', async () =>
      (await web1.ask('get', WORLD.v4, '80')).from === '203.0.113.50' ? true : undefined,
    );
    assert.equal((await world.ask('get', '203.0.113.50', '8080')).by, 'web1', 'a forward');
    // Its server was not there before, so it is passed to from the next check on.
    await until('ingress', async () =>
      (await world.ask('get', '203.0.113.50', '80', 'www.example.org')).by === 'web1' ? true : undefined,
    );
    assert.equal(await problems(), '');
    assert.equal(await readFile('/etc/resolv.conf', 'utf8'), resolver, 'of what else was given nothing is taken');
    assert.equal(await scene.ip('route', 'show'), routes);
    assert.doesNotMatch(await scene.ip('-n', 'sk-edge', 'route', 'show'), /192\.0\.2/);
  });

  it('is left alone by the next pass, and keeps its rules', async () => {
    const { pid } = await client();
    await make();
    assert.equal((await client()).pid, pid);
    assert.equal((await world.ask('get', '203.0.113.50', '8080')).by, 'web1');
    await scene.ip('netns', 'exec', 'sk-edge', 'nft', 'flush', 'chain', 'inet', 'skerry', 'through_router');
    await make();
    assert.equal((await world.ask('get', '203.0.113.50', '8080')).by, 'web1');
  });

  it('follows another address when it asks again, and starts nothing anew', async () => {
    const pids = async () => [await pidsOf(scene, 'dnsmasq'), await pidsOf(scene, 'haproxy')];
    const before = await pids();
    await provide('203.0.113.60');
    await tell(await client(), 'SIGUSR1');
    await has('203.0.113.60');
    await until('the forward there', async () => ((await world.reaches('203.0.113.60', 8080)) ? true : undefined));
    await until('the way out', async () =>
      (await web1.ask('get', WORLD.v4, '80')).from === '203.0.113.60' ? true : undefined,
    );
    assert.equal((await world.ask('get', '203.0.113.60', '80', 'www.example.org')).by, 'web1');
    assert.equal(await world.reaches('203.0.113.50', 8080), false);
    assert.deepEqual(await pids(), before);
  });

  it('has its client back when that is killed, and its address meanwhile, also with nobody there to ask', async () => {
    await provider?.end();
    provider = undefined;
    const killed = await client();
    await tell(killed, 'SIGKILL');
    await until('another client', async () => {
      const now = await client();
      return now !== undefined && now.pid !== killed.pid ? true : undefined;
    });
    assert.deepEqual(await given(), ['203.0.113.60/24']);
    assert.equal((await web1.ask('get', WORLD.v4, '80')).from, '203.0.113.60');
    assert.equal(await problems(), '');
  });

  it('has again what somebody took from its leg', async () => {
    await provide('203.0.113.60');
    const lines = async () =>
      (await readFile(join(scene.folder, 'routers/edge/outside'), 'utf8')).trim().split('\n').at(-1);
    await until('a lease', async () => ((await lines())?.startsWith('given ') ? true : undefined));
    await scene.ip('-n', 'sk-edge', 'addr', 'flush', 'dev', 'out');
    await make();
    await has('203.0.113.60');
    await until('the way out', async () =>
      (await web1.ask('get', WORLD.v4, '80')).from === '203.0.113.60' ? true : undefined,
    );
  });

  it('gives up what it lost', async () => {
    await provider?.end();
    provider = undefined;
    await tell(await client(), 'SIGUSR2');
    await until('no address', async () => ((await given()).length === 0 ? true : undefined));
    assert.equal(await problems(), 'it has no address outside yet: DHCP there took back what it had given');
    await make();
    assert.equal(await web1.reaches(WORLD.v4), false);
  });

  it('takes no address in a network of its own', async () => {
    await provide('10.99.200.9');
    await tell(await client(), 'SIGTERM');
    await until('a word about it', async () =>
      /10\.99\.200\.9\/16.*network of this router/.test(await problems()) ? true : undefined,
    );
    assert.deepEqual(await given(), []);
    assert.equal((await web1.dhcp())?.ip, '10.99.0.11');
    await provide('203.0.113.50');
    await has('203.0.113.50');
  });

  it('runs its client with little power', async () => {
    const { pid, user } = await client();
    assert.equal(user, 65_534);
    for (const set of ['CapEff', 'CapBnd'])
      assert.equal(await statusOf(pid, set), '0000000000003400', 'net_bind_service, net_admin, net_raw');
    assert.equal(await statusOf(pid, 'NoNewPrivs'), '1');
  });

  it('has no client any more when its address is said, nor when it is gone', async () => {
    await make({ ...ASKING, outside: { ...ASKING.outside!, addresses: ['203.0.113.7/24'] } });
    assert.equal(await client(), undefined);
    assert.deepEqual(await given(), []);
    assert.equal(await problems(), '');
    assert.equal((await world.ask('get', '203.0.113.7', '8080')).by, 'web1');
    await make();
    await has('203.0.113.50');
    await routers.removeRouter('edge', never());
    assert.deepEqual(await routers.readRouters(never()), []);
    assert.equal(await scene.ip('-n', 'sk-edge', 'link').catch(() => 'none'), 'none');
  });
});
