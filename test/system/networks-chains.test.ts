import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { FakeNetworks } from '#agent/networks/fake/world.ts';
import type { ProbeLook } from '#shared/model/probe.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import type { NetworkHop } from '#shared/verbs/network.ts';
import { runVerb } from '#shared/xmpp/commands-client.ts';
import { type TestAgent, testAgent } from './support/agent.ts';
import type { VerbId } from './support/asking.ts';
import { CENTRAL, CENTRAL_SECRET, type TestCentral, testCentral } from './support/central.ts';
import { type Person, person } from './support/person.ts';
import { type TestServer, testServer } from './support/server.ts';
import { until } from './support/until.ts';

describe('chains with networks', function () {
  this.timeout(240_000);
  let server: TestServer;
  let agent: TestAgent;
  let central: TestCentral;
  let admin: Person;
  let service: Server;
  let port: number;

  before(async () => {
    server = await testServer({
      accounts: ['host1', 'admin'],
      components: { [CENTRAL]: CENTRAL_SECRET },
    });
    const policy = { grants: [{ jid: 'admin@skerry.test', role: 'admin' }] };
    central = await testCentral(server, { config: { hosts: ['host1'], policy } });
    await central.start();
    const driver = { guests: [{ name: 'web1' }], bootMs: 50, shutdownMs: 50 };
    const networks = { driver: 'fake', underlay: 'eth1' };
    agent = await testAgent(server, { name: 'host1', driver, policy: {}, central: CENTRAL, networks });
    await agent.start();
    admin = await person(server, 'admin');
    await until('the host is heard', async () => {
      const hosts = (await ask('host.list')) as { state: string }[];
      return hosts.every(({ state }) => state === 'up') ? hosts : undefined;
    });
    service = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
    port = (service.address() as { port: number }).port;
  });
  after(async () => {
    service?.close();
    await admin?.entity.stop();
    await agent?.remove();
    await central?.remove();
    await server?.stop();
  });

  type Args = Record<string, unknown>;
  const ask = async (verb: VerbId, args: Args = {}): Promise<unknown> =>
    (await runVerb(admin.entity, CENTRAL, verb, centralVerbs[verb], args, { confirmed: true, timeoutMs: 90_000 }))
      .value;
  const made = async (): Promise<FakeNetworks> =>
    JSON.parse(await readFile(join(agent.folder, 'state', 'fake-networks.json'), 'utf8'));
  const statusOf = async () =>
    (await ask('chain.status', { chain: 'site' })) as { node: string; phase: string; why?: string }[];
  const phases = async () => Object.fromEntries((await statusOf()).map(({ node, phase }) => [node, phase]));
  const comesTo = (wanted: Record<string, string>): Promise<unknown> =>
    until(JSON.stringify(wanted), async () => {
      const now = await phases();
      return Object.entries(wanted).every(([node, phase]) => now[node] === phase) ? now : undefined;
    });

  it('says of a network that is not there what would make it', async () => {
    const chain = ['chain: site', 'nodes:', '  lan: { kind: network }', '  core: { kind: router, after: [lan] }'];
    const web = `  web1: { after: [core], ready: { tcp: "127.0.0.1:${port}", network: lan, every: 200ms } }`;
    await ask('chain.set', { file: [...chain, web, ''].join('\n') });
    await ask('chain.up', { chain: 'site' });
    const failed = await until('it has failed', async () =>
      (await statusOf()).find(({ node, phase }) => node === 'lan' && phase === 'failed'),
    );
    assert.match(failed?.why ?? '', /network create lan/);
  });

  it('brings network, router and guest up, the guest seen from the network by a leg that is made for it', async () => {
    await ask('router.create', {
      router: 'core',
      network: [],
      subnet: ['10.9.0.0/24'],
      kind: 'isolated',
      host: 'host1',
    });
    await ask('network.create', { network: 'lan', subnet: ['10.8.0.0/24'] });
    await ask('router.stop', { router: 'core' });
    assert.deepEqual(Object.keys((await made()).routers), []);
    await ask('chain.up', { chain: 'site' });
    await comesTo({ lan: 'ready', core: 'ready', web1: 'ready' });
    const { routers, looks } = await made();
    assert.deepEqual(Object.keys(routers), ['core']);
    assert.deepEqual(Object.keys(looks), ['lan']);
    assert.match(looks.lan?.addresses[0] ?? '', /^10\.8\.0\.\d+\/24$/);
  });

  it('looks from a network for a person', async () => {
    const look = (target: string) =>
      ask('host.probe', { host: 'host1', kind: 'tcp', target, network: 'lan' }) as Promise<ProbeLook>;
    assert.equal((await look(`127.0.0.1:${port}`)).verdict, 'good');
    assert.equal((await look('127.0.0.1:1')).why, 'connection refused');
    await assert.rejects(
      ask('host.probe', { host: 'host1', kind: 'tcp', target: '127.0.0.1:1', network: 'nowhere' }),
      /no network nowhere/,
    );
  });

  it('checks the way from a guest, hop by hop', async () => {
    await ask('network.attach', { guest: 'web1', network: 'lan', ip: ['10.8.0.12'] });
    const check = async (to: string) => (await ask('network.check', { from: 'web1', to, port })) as NetworkHop[];
    const own = await check('10.8.0.12');
    const names = own.map(({ hop }) => hop);
    assert.deepEqual(names.slice(0, 4), ['guest web1', 'interface of web1', 'network lan', 'lan on host1']);
    assert.equal(own.at(-1)?.hop, '10.8.0.12 from lan on host1', 'all but the last is good');
    const out = (await check('127.0.0.1')).at(-1);
    assert.deepEqual([out?.verdict, out?.hop], ['bad', 'way out of lan']);
    assert.match(out?.found ?? '', /lan is isolated, so nothing leaves it/);
    await ask('network.detach', { guest: 'web1', network: 'lan' });
  });

  it('takes all down again', async () => {
    await ask('chain.down', { chain: 'site' });
    await comesTo({ lan: 'stopped', core: 'stopped', web1: 'stopped' });
    const { networks, routers } = await made();
    assert.deepEqual(Object.keys(routers), []);
    assert.ok(!Object.keys(networks).includes('lan'));
  });

  it('says of a network that is stopped that nobody can look from there', async () => {
    const look = { host: 'host1', kind: 'tcp', target: `127.0.0.1:${port}`, network: 'lan' };
    await assert.rejects(ask('host.probe', look), /network lan is stopped/);
  });
});
