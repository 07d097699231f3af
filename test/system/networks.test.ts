import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FakeNetworks } from '#agent/networks/fake/world.ts';
import type { Failure } from '#shared/errors.ts';
import type { HostRouter } from '#shared/model/network.ts';
import type { Nic } from '#shared/model/nic.ts';
import type { SiteGuestRecord } from '#shared/model/site.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import type { NetworkInfo, NetworkRecord, PortRecord } from '#shared/verbs/network.ts';
import type { RouterRecord } from '#shared/verbs/router.ts';
import { runVerb } from '#shared/xmpp/commands-client.ts';
import { type TestAgent, testAgent } from './support/agent.ts';
import type { VerbId } from './support/asking.ts';
import { allAreHeard, CENTRAL, CENTRAL_SECRET, type TestCentral, testCentral } from './support/central.ts';
import { type Person, person } from './support/person.ts';
import { type TestServer, testServer } from './support/server.ts';
import { until } from './support/until.ts';

describe('networks of a site', function () {
  this.timeout(240_000);
  let server: TestServer;
  const agents: Record<string, TestAgent> = {};
  let central: TestCentral;
  let admin: Person;

  before(async () => {
    const accounts = ['host1', 'host2', 'host3', 'admin', 'viewer'];
    server = await testServer({ accounts, components: { [CENTRAL]: CENTRAL_SECRET } });
    central = await testCentral(server, {
      config: {
        hosts: ['host1', 'host2', 'host3'],
        policy: {
          grants: [
            { jid: 'admin@skerry.test', role: 'admin' },
            { jid: 'viewer@skerry.test', role: 'viewer', guests: ['web1'] },
          ],
        },
        macs: { templates: { web: 16 } },
      },
    });
    await central.start();
    // The third one realises no networks.
    for (const [name, guests, networks] of [
      ['host1', ['web1', 'Odd_Name', 'spare'], { driver: 'fake', underlay: 'eth1' }],
      ['host2', ['web2'], { driver: 'fake', underlay: 'eth1' }],
      ['host3', ['web3'], undefined],
    ] as const) {
      const driver = { guests: guests.map((guest) => ({ name: guest })) };
      const agent = await testAgent(server, {
        ...{ name, driver, policy: {}, central: CENTRAL },
        ...(networks ? { networks } : {}),
      });
      const empty = { networks: {}, looks: {}, routers: {}, guards: [], effects: {} };
      const foreign = ['eth0', 'sk-foreign'];
      await writeFile(join(agent.folder, 'state', 'fake-networks.json'), JSON.stringify({ ...empty, foreign }));
      agents[name] = agent;
      await agent.start();
    }
    admin = await person(server, 'admin');
    await allAreHeard(() => ask('host.list'));
  });
  after(async () => {
    await admin?.entity.stop();
    for (const agent of Object.values(agents)) await agent.remove();
    await central?.remove();
    await server?.stop();
  });

  type Args = Record<string, unknown>;
  const askAs = async (who: Person, verb: VerbId, args: Args = {}): Promise<unknown> =>
    (await runVerb(who.entity, CENTRAL, verb, centralVerbs[verb], args, { confirmed: true, timeoutMs: 90_000 })).value;
  const ask = (verb: VerbId, args?: Args): Promise<unknown> => askAs(admin, verb, args);
  const fails = async (verb: VerbId, args: Args, code: Failure['code'], pattern = /./): Promise<void> => {
    await assert.rejects(ask(verb, args), (error: Failure) => {
      assert.equal(error.code, code, error.message);
      assert.match(error.message, pattern);
      return true;
    });
  };
  /** What a host made. */
  const madeBy = async (host: string): Promise<FakeNetworks> =>
    JSON.parse(await readFile(join(agents[host]?.folder ?? '', 'state', 'fake-networks.json'), 'utf8'));
  const routerAt = async (host: string, name: string): Promise<HostRouter> =>
    (await madeBy(host)).routers[name] ?? assert.fail(`${host} has no router ${name}`);
  const nicsOf = async (host: string, guest: string): Promise<Nic[]> => {
    const to = agents[host]?.fullJid ?? '';
    return (await runVerb(admin.entity, to, 'nic.list', agentVerbs['nic.list'], { guest })).value as Nic[];
  };

  it('are made in one sentence, with a router, and given guests by address alone, wherever those are', async () => {
    await ask('network.create', { network: 'wan', kind: 'outside', link: 'eth0', host: ['host1'] });
    const router = (await ask('router.create', {
      ...{ router: 'lan', public: ['192.0.2.10/24'], gateway: ['192.0.2.1'] },
      ...{ subnet: ['10.99.0.0/16', 'fd00:99::/64'], domain: 'grid.example.org' },
    })) as RouterRecord;
    assert.deepEqual([router.host, router.problems], ['host1', []]);
    const port = (await ask('network.attach', { guest: 'web1', ip: ['10.99.0.12'], template: 'web' })) as PortRecord;
    assert.deepEqual(port, {
      ...{ guest: 'web1', network: 'lan', host: 'host1', holds: 'now', problems: [] },
      ...{ mac: '06:53:00:10:00:01', addresses: ['10.99.0.12', 'fd00:99::453:ff:fe10:1'] },
    });
    await ask('network.attach', { guest: 'web2', network: 'lan' });
    const [one, two] = [await madeBy('host1'), await madeBy('host2')];
    assert.deepEqual(Object.keys(one.networks), ['lan']);
    assert.deepEqual(
      two.guards.map(({ guest, addresses }) => [guest, addresses[0]]),
      [['web2', '10.99.0.2']],
    );
    assert.equal(one.networks.lan?.tunnel?.vni, two.networks.lan?.tunnel?.vni);
    const nics = await nicsOf('host1', 'web1');
    assert.deepEqual(
      nics.map(({ mac, source, link, mtu }) => [mac, source, link, mtu]),
      [['06:53:00:10:00:01', 'sk-lan', 'sk065300100001', 1450]],
    );
    const { hosts, nat, domains, legs } = await routerAt('host1', 'lan');
    assert.deepEqual(hosts.map(({ name }) => name).sort(), ['web1', 'web2']);
    assert.deepEqual(
      [nat, domains, legs[0]?.addresses],
      [['lan'], { lan: 'grid.example.org' }, ['10.99.0.1/16', 'fd00:99::1/64']],
    );
    const info = (await ask('network.info', { network: 'lan' })) as NetworkInfo;
    assert.deepEqual(
      [info.hosts, info.routers, info.guests.length, info.problems],
      [['host1', 'host2'], ['lan'], 2, []],
    );
  });

  it('pass ports and names on to guests, and follow them when they have another address', async () => {
    await ask('router.forward-add', { router: 'lan', port: 8080, to: 'web1:80' });
    await ask('router.ingress-add', {
      router: 'lan',
      name: 'www.example.org',
      server: ['web1', 'web2:8081'],
      check: '/up',
    });
    await ask('guest.set', { guest: 'web1', ip: ['10.99.0.13'] });
    const { forwards, ingress } = await routerAt('host1', 'lan');
    assert.deepEqual(forwards, [{ protocol: 'tcp', port: 8080, address: '10.99.0.13', toPort: 80 }]);
    assert.deepEqual(ingress[0]?.servers, [
      { address: '10.99.0.2', port: 8081 },
      { address: '10.99.0.13', port: 80 },
    ]);
    await fails('router.forward-add', { router: 'lan', port: 8080, to: 'web2' }, 'address-taken', /web1:80/);
    await fails('router.forward-add', { router: 'lan', port: 81, to: 'web3' }, 'port-not-found', /web3/);
    await fails('router.forward-add', { router: 'lan', port: 81, to: '10.98.0.1' }, 'address-outside');
    await ask('router.ingress-remove', { router: 'lan', name: 'www.example.org', server: ['web2:8081'] });
    await ask('router.forward-remove', { router: 'lan', port: 8080 });
    const after = await routerAt('host1', 'lan');
    assert.deepEqual([after.forwards, after.ingress[0]?.servers.length], [[], 1]);
  });

  it('give a guest an address as it is defined, and take both back where that cannot be', async () => {
    const guest = (await ask('guest.define', { name: 'web4', host: 'host2', ip: ['10.99.0.40'] })) as SiteGuestRecord;
    assert.equal(guest.name, 'web4');
    assert.deepEqual(
      (await nicsOf('host2', 'web4')).map(({ source }) => source),
      ['sk-lan'],
    );
    await fails('guest.define', { name: 'web5', host: 'host2', ip: ['10.99.0.40'] }, 'address-taken', /web4/);
    await fails(
      'guest.define',
      { name: 'web5', host: 'host3', ip: ['10.99.0.50'] },
      'network-host',
      /host3.*realises no networks/,
    );
    const names = ((await ask('guest.list', {})) as SiteGuestRecord[]).map(({ name }) => name);
    assert.ok(!names.includes('web5'), 'the guest is taken back');
    await ask('guest.delete', { guest: 'web4' });
    const { guests } = (await ask('network.info', { network: 'lan' })) as NetworkInfo;
    assert.ok(!guests.some((line) => line.startsWith('web4')), 'its address is free again');
  });

  it('that a host cannot make are undone everywhere', async () => {
    await fails(
      'network.create',
      { network: 'foreign', subnet: ['10.7.0.0/24'], host: ['host1', 'host2'] },
      'network-host',
      /Skerry did not make it.*; nothing is changed/,
    );
    assert.deepEqual(Object.keys((await madeBy('host2')).networks), ['lan']);
    await fails('network.info', { network: 'foreign' }, 'network-not-found');
  });

  it('are not attached to a guest whose host realises none', async () => {
    await fails('network.attach', { guest: 'web3', network: 'lan' }, 'network-host', /host3/);
    const { guests, hosts } = (await ask('network.info', { network: 'lan' })) as NetworkInfo;
    assert.deepEqual([guests.length, hosts], [2, ['host1', 'host2']]);
  });

  it('refuse what cannot be, with the field that was wrong', async () => {
    await fails('network.create', { network: 'lan' }, 'network-exists');
    await fails('network.create', { network: 'lan2', subnet: ['10.99.4.0/24'] }, 'network-subnet', /shares addresses/);
    await fails('network.create', { network: 'lan2', subnet: ['fd01::/48'] }, 'network-subnet', /\/64/);
    await fails('network.create', { network: 'lan2', subnet: ['10.1.2.3/24'] }, 'bad-argument', /^subnet/);
    await fails('network.create', { network: '-x' }, 'bad-argument', /^network/);
    await fails('network.create', { network: 'lan2', host: ['host9'] }, 'host-not-found');
    await fails('network.attach', { guest: 'spare', ip: ['10.99.0.1'] }, 'address-taken', /router lan/);
    await fails('network.attach', { guest: 'spare', ip: ['10.99.0.13'] }, 'address-taken', /web1/);
    await fails('network.attach', { guest: 'spare', ip: ['10.99.255.255'] }, 'address-outside', /broadcast/);
    await fails('network.attach', { guest: 'spare', ip: ['10.98.0.1'] }, 'address-outside', /no network has it/);
    await fails('network.attach', { guest: 'spare', network: 'lna' }, 'network-not-found', /lan/);
    await fails('network.delete', { network: 'lan' }, 'network-in-use', /web1/);
    await fails('router.delete', { router: 'lan' }, 'router-in-use', /web1/);
    await fails('router.create', { router: 'r2', subnet: ['10.5.0.0/24'] }, 'bad-argument', /^public/);
  });

  it('show a viewer of some guests no others, and let nobody else change them', async () => {
    const viewer = await person(server, 'viewer');
    try {
      const info = (await askAs(viewer, 'network.info', { network: 'lan' })) as NetworkInfo;
      assert.deepEqual(
        info.guests.map((line) => line.split(' ')[0]),
        ['web1'],
      );
      const { text } = (await askAs(viewer, 'network.graph', { picture: 'dot' })) as { text: string };
      assert.match(text, /web1/);
      assert.doesNotMatch(text, /web2/);
      await assert.rejects(askAs(viewer, 'network.stop', { network: 'lan' }), /may not/);
    } finally {
      await viewer.entity.stop();
    }
  });

  it('have names of DNS for guests with any name', async () => {
    await ask('network.attach', { guest: 'odd_name', network: 'lan' });
    const { hosts } = await routerAt('host1', 'lan');
    assert.ok(hosts.some(({ name }) => name === 'odd-name'));
    await ask('network.detach', { guest: 'odd_name', network: 'lan' });
    assert.deepEqual(await nicsOf('host1', 'Odd_Name'), []);
  });

  it('wait for a host that is away, and are there when it is back', async () => {
    await agents.host2?.kill9();
    // The server keeps the session of who has gone without a word for 30 s.
    await until(
      'host2 is missed',
      async () => {
        const host = (await ask('host.info', { host: 'host2' })) as { state: string };
        return host.state === 'unreachable' ? host : undefined;
      },
      90_000,
    );
    const { problems } = (await ask('network.create', { network: 'late', host: ['host1', 'host2'] })) as NetworkRecord;
    assert.match(problems.join(), /host2.*it will do its part when it is back/);
    await agents.host2?.start();
    await until('host2 has it', async () => ((await madeBy('host2')).networks.late ? true : undefined));
    await until('nothing is told of it any more', async () => {
      const info = (await ask('network.info', { network: 'late' })) as NetworkInfo;
      return info.problems.length === 0 ? info : undefined;
    });
  });

  it('are stopped and started, and go with their router', async () => {
    await ask('network.stop', { network: 'lan' });
    assert.deepEqual((await madeBy('host1')).guards, []);
    assert.deepEqual((await routerAt('host1', 'lan')).legs, []);
    await fails('network.attach', { guest: 'spare', network: 'lan' }, 'network-stopped');
    await ask('network.start', { network: 'lan' });
    assert.equal((await madeBy('host1')).guards.length, 1);
    for (const guest of ['web1', 'web2']) await ask('network.detach', { guest, network: 'lan' });
    await ask('router.delete', { router: 'lan' });
    await fails('network.info', { network: 'lan' }, 'network-not-found');
    const { networks, routers } = await madeBy('host1');
    assert.deepEqual([networks.lan, Object.keys(routers)], [undefined, []]);
  });
});
