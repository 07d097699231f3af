import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'mocha';
import { effectsIn } from '#agent/drivers/fake/store.ts';
import { CLOUD, withCloud } from '#provisioning/rig/plan-cloud.ts';
import { readChain } from '#shared/chain/chain-file.ts';
import { compile, type Graph } from '#shared/chain/compile.ts';
import type { NodeRecord, RunRecord } from '#shared/verbs/chain.ts';
import { type TestAgent, testAgent } from './support/agent.ts';
import { askUntilAnswered } from './support/asking.ts';
import { CENTRAL, CENTRAL_SECRET, type TestCentral, testCentral } from './support/central.ts';
import { guestsIn, inOrder, inReverse, type Went, wentOf, withinBounds } from './support/chain-order.ts';
import { type Person, person } from './support/person.ts';
import { type TestServer, testServer } from './support/server.ts';
import { until } from './support/until.ts';

const ALPINE = new URL('../../provisioning/chains/alpine.yaml', import.meta.url);
const HOSTS = withCloud(['host1', 'host2'].map((name) => ({ name, address: '', guests: [], zones: [] })));
const RUN_MS = 200_000;

/** The chain as it is, but for the names that nobody here answers: a service of the test stands for all. Its guests say nothing but a prompt. */
function alpineAt(file: string, port: number): string {
  const here = `127.0.0.1:${port}`;
  return file
    .replace(/\{ dns: [\w.]+, network: cloud \}/u, `{ tcp: '${here}', network: cloud }`)
    .replaceAll(/http:\/\/[\w.]+\.cloud\.example\//gu, `http://${here}/`)
    .replaceAll(/[\w.]+\.cloud\.example:\d+/gu, here)
    .replaceAll(/tcp![\d.]+!\d+/gu, here)
    .replaceAll(/'(\w+) serves on port \d+'/gu, (_, name) => `'${name}:~# $'`);
}

describe('the chain alpine with twenty guests of the fake driver', function () {
  this.timeout(240_000);
  let server: TestServer;
  let hosts: TestAgent[] = [];
  let central: TestCentral;
  let admin: Person;
  let service: Server;
  let file: string;
  let graph: Graph;

  before(async () => {
    service = createServer((_, response) => response.end('packages, Welcome\n')).listen(0, '127.0.0.1');
    await once(service, 'listening');
    file = alpineAt(await readFile(ALPINE, 'utf8'), (service.address() as AddressInfo).port);
    graph = compile(readChain(file, 'alpine.yaml'));
    const accounts = [...HOSTS.map(({ name }) => name), 'admin'];
    server = await testServer({ accounts, components: { [CENTRAL]: CENTRAL_SECRET } });
    hosts = await Promise.all(
      HOSTS.map(({ name, guests }) =>
        testAgent(server, {
          name,
          driver: { bootMs: 300, shutdownMs: 100, guests: guests.map((guest) => ({ name: guest.name })) },
          policy: {},
          central: CENTRAL,
          networks: { driver: 'fake', underlay: 'eth1' },
        }),
      ),
    );
    const policy = { grants: [{ jid: 'admin@skerry.test', role: 'admin' }] };
    central = await testCentral(server, { config: { hosts: HOSTS.map(({ name }) => name), policy } });
    await Promise.all([central, ...hosts].map((each) => each.start()));
    admin = await person(server, 'admin');
    for (const guest of ['infra', 'backup'])
      await until(`${guest} is known`, async () => ask('guest.info', { guest }).catch(() => undefined));
    const { name: network, domain, subnets, router } = CLOUD;
    await ask('network.create', { network, subnet: [...subnets], domain, host: HOSTS.map(({ name }) => name) }, 'net');
    await ask('router.create', { router: router.name, host: router.host, network: [network] }, 'router');
  });
  after(async () => {
    service?.close();
    await admin?.entity.stop();
    await central?.remove();
    await Promise.all(hosts.map((each) => each.remove()));
    await server?.stop();
  });

  const ask = askUntilAnswered(() => admin, 10_000);
  const ended = (goal: 'up' | 'down'): Promise<RunRecord> =>
    until(
      `the run ${goal} has ended`,
      async () => {
        const [newest] = (await ask('chain.history', { chain: 'alpine' })) as RunRecord[];
        return newest?.goal === goal && newest.endedAt !== undefined ? newest : undefined;
      },
      RUN_MS,
    );
  const effects = async (): Promise<Record<string, number>> =>
    Object.assign(
      {},
      ...(await Promise.all(hosts.map(async ({ stateFile }) => effectsIn(await readFile(stateFile, 'utf8'))))),
    );
  const went = async (verb: string): Promise<Went> =>
    wentOf(
      graph,
      (await ask('audit.list', { verb, surface: 'chain', limit: 1_000 })) as { target?: string; at: string }[],
      (await ask('chain.status', { chain: 'alpine' })) as NodeRecord[],
    );

  it('comes up, although central is killed when a part of it is there', async () => {
    await ask('chain.set', { file }, 'set');
    await ask('chain.up', { chain: 'alpine' }, 'up');
    await until('a SAN was started', async () => (await effects())['start san1']);
    await central.kill9();
    assert.equal((await effects())['start console'], undefined, 'the rest was not there yet');
    await central.start();
    const { outcome, there, of, problem } = await ended('up');
    assert.deepEqual([outcome, there, problem], ['done', of, undefined]);
  });

  it('started each guest once', async () => {
    const done = await effects();
    assert.equal(guestsIn(graph).length, 20);
    for (const { name } of guestsIn(graph)) assert.equal(done[`start ${name}`], 1, name);
  });

  it('started none before what it needs was ready, and no more at once than its group allows', async () => {
    const up = await went('guest.start');
    inOrder(up);
    withinBounds(up);
  });

  it('goes down in reverse', async () => {
    await ask('chain.down', { chain: 'alpine' }, 'down');
    assert.equal((await ended('down')).outcome, 'done');
    inReverse(await went('guest.shutdown'));
  });
});
