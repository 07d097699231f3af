import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FakeNetworks } from '#agent/networks/fake/world.ts';
import type { Nic } from '#shared/model/nic.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import type { NetworkInfo, NetworkRecord, PortRecord } from '#shared/verbs/network.ts';
import type { RouterRecord } from '#shared/verbs/router.ts';
import { runVerb } from '#shared/xmpp/commands-client.ts';
import { type TestAgent, testAgent } from './support/agent.ts';
import { CENTRAL, CENTRAL_SECRET, testCentral } from './support/central.ts';
import { askThroughKills, commitsKilledAt, type KillPoint, killedWhile } from './support/kill-points.ts';
import { type Person, person } from './support/person.ts';
import { type TestServer, testServer } from './support/server.ts';
import { until } from './support/until.ts';

describe('networks, with central killed at a write', function () {
  this.timeout(900_000);
  let server: TestServer;
  let agent: TestAgent;
  let admin: Person;

  before(async () => {
    server = await testServer({ accounts: ['host1', 'admin'], components: { [CENTRAL]: CENTRAL_SECRET } });
    agent = await testAgent(server, {
      ...{ name: 'host1', driver: { guests: [{ name: 'web1' }] }, central: CENTRAL },
      policy: { grants: [{ jid: 'admin@skerry.test', role: 'admin' }] },
      networks: { driver: 'fake', underlay: 'eth1' },
    });
    const none = { networks: {}, looks: {}, routers: {}, guards: [], effects: {}, foreign: ['eth0'] };
    await writeFile(join(agent.folder, 'state', 'fake-networks.json'), JSON.stringify(none));
    admin = await person(server, 'admin');
    await agent.start();
  });
  after(async () => {
    await admin?.entity.stop();
    await agent?.remove();
    await server?.stop();
  });

  for (const when of ['before', 'after'] as const)
    it(`are made once and removed once, right ${when} each commit`, async () => {
      assert.ok((await commitsKilledAt(when, wasKilled)) >= 20);
    });

  /** Do it all with a central that is killed there. @returns whether it came so far */
  const wasKilled = async (at: KillPoint): Promise<boolean> => {
    const central = await testCentral(server, {
      config: { hosts: ['host1'], policy: { grants: [{ jid: 'admin@skerry.test', role: 'admin' }] } },
    });
    try {
      return await killedWhile(central, at, () => scenario(at.replace(':', '')));
    } finally {
      await central.remove();
    }
  };

  /** What somebody does who asks until there is an answer, and what must be so then. */
  const scenario = async (round: string): Promise<void> => {
    await ask('guest.info', { guest: 'web1' });
    const before = (await made()).effects;
    await ask('network.create', { network: 'wan', kind: 'outside', link: 'eth0', host: ['host1'] }, `wan ${round}`);
    const lan = { router: 'lan', public: ['192.0.2.10/24'], subnet: ['10.99.0.0/24'] };
    const router = (await ask('router.create', lan, `router ${round}`)) as RouterRecord;
    assert.deepEqual([router.networks, router.host], [['lan 10.99.0.1/24'], 'host1']);
    const port = (await ask('network.attach', { guest: 'web1', ip: ['10.99.0.7'] }, `attach ${round}`)) as PortRecord;
    assert.deepEqual(port.addresses, ['10.99.0.7']);
    await ask('router.forward-add', { router: 'lan', port: 8080, to: 'web1:80' }, `forward ${round}`);
    // What was answered stays so, and the same operation again does nothing.
    assert.deepEqual(await ask('router.create', lan, `router ${round}`), router);
    const { guests, hosts } = (await ask('network.info', { network: 'lan' })) as NetworkInfo;
    assert.deepEqual([guests, hosts], [[`web1 10.99.0.7 ${port.mac}`], ['host1']]);
    // Where central has just begun anew, the host is heard a little later, and does its part then.
    const there = await until(`the port of ${round} is passed on`, async () => {
      const now = await made();
      return now.routers.lan?.forwards.length === 1 ? now : undefined;
    });
    assert.deepEqual(
      there.guards.map(({ mac }) => mac),
      [port.mac],
    );
    assert.deepEqual(
      (await nics()).map(({ mac }) => mac),
      [port.mac],
    );
    await ask('network.stop', { network: 'lan' }, `stop ${round}`);
    await ask('network.start', { network: 'lan' }, `start ${round}`);
    await ask('network.detach', { guest: 'web1', network: 'lan' }, `detach ${round}`);
    await ask('router.delete', { router: 'lan' }, `unroute ${round}`);
    await ask('network.delete', { network: 'wan' }, `delete ${round}`);
    assert.deepEqual((await ask('network.list')) as NetworkRecord[], []);
    const after = await until(`nothing of ${round} is left`, async () => {
      const left = await made();
      return Object.keys({ ...left.networks, ...left.routers }).length + left.guards.length === 0 ? left : undefined;
    });
    assert.deepEqual(await nics(), []);
    // Made, stopped, started, removed; or only made and removed, where the host was not heard in between.
    const times = ['make', 'remove'].map((what) => {
      const effect = `${what} network lan`;
      return (after.effects[effect] ?? 0) - (before[effect] ?? 0);
    });
    assert.match(times.join(), /^(1,1|2,2)$/, round);
  };

  const made = async (): Promise<FakeNetworks> =>
    JSON.parse(await readFile(join(agent.folder, 'state', 'fake-networks.json'), 'utf8'));
  const nics = async (): Promise<Nic[]> =>
    (await runVerb(admin.entity, agent.fullJid, 'nic.list', agentVerbs['nic.list'], { guest: 'web1' })).value as Nic[];

  const ask = askThroughKills(() => admin);
});
