import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { effectsIn } from '#agent/drivers/fake/store.ts';
import type { Failure } from '#shared/errors.ts';
import type { Job } from '#shared/model/job.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import type { ChainRecord, NodeRecord, RunRecord } from '#shared/verbs/chain.ts';
import { runVerb } from '#shared/xmpp/commands-client.ts';
import { type TestAgent, testAgent } from './support/agent.ts';
import { CENTRAL, CENTRAL_SECRET, type TestCentral, testCentral } from './support/central.ts';
import { type Person, person } from './support/person.ts';
import { type TestServer, testServer } from './support/server.ts';
import { until } from './support/until.ts';

type VerbId = keyof typeof centralVerbs;

const GRID = `chain: grid
title: Four guests on two hosts
nodes:
  venti: { host: host1 }
  fossil: { host: host1, after: [venti] }
  cpu1: { host: host2, after: [fossil] }
  cpu2: { host: host2, after: [fossil] }
`;

describe('chains, carried out by central', function () {
  this.timeout(120_000);
  let server: TestServer;
  let hosts: TestAgent[] = [];
  let central: TestCentral;
  let admin: Person;
  let viewer: Person;

  before(async () => {
    server = await testServer({
      accounts: ['host1', 'host2', 'admin', 'viewer'],
      components: { [CENTRAL]: CENTRAL_SECRET },
    });
    const host = (name: string, guests: readonly string[]): Promise<TestAgent> =>
      testAgent(server, {
        name,
        driver: { bootMs: 20, shutdownMs: 20, guests: guests.map((guest) => ({ name: guest })) },
        policy: { roles: {}, grants: [] },
        central: CENTRAL,
      });
    hosts = await Promise.all([host('host1', ['venti', 'fossil']), host('host2', ['cpu1', 'cpu2'])]);
    central = await testCentral(server, {
      config: {
        hosts: ['host1', 'host2'],
        policy: {
          roles: {},
          grants: [
            { jid: 'admin@skerry.test', role: 'admin' },
            { jid: 'viewer@skerry.test', role: 'viewer' },
          ],
        },
      },
    });
    [admin, viewer] = await Promise.all([person(server, 'admin'), person(server, 'viewer')]);
    await Promise.all([...hosts.map((each) => each.start()), central.start()]);
    for (const guest of ['venti', 'cpu1'])
      await until(`${guest} is known`, async () => ask('guest.info', { guest }).catch(() => undefined));
  });
  after(async () => {
    await Promise.all([admin, viewer].map((each) => each?.entity.stop()));
    await central?.remove();
    await Promise.all(hosts.map((each) => each.remove()));
    await server?.stop();
  });

  const ask = async (
    verb: VerbId,
    args: Record<string, unknown> = {},
    { as = admin, operation }: { as?: Person; operation?: string } = {},
  ): Promise<unknown> => {
    const options = { confirmed: true, ...(operation ? { operation } : {}) };
    return (await runVerb(as.entity, CENTRAL, verb, centralVerbs[verb], args, options)).value;
  };
  const codeOf = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'done',
      (error: Failure) => error.code,
    );
  const ended = (job: Job): Promise<Job> =>
    until(`job ${job.id} has ended`, async () => {
      const latest = (await ask('job.info', { job: job.id })) as Job;
      return latest.state === 'running' ? undefined : latest;
    });
  const effects = async (): Promise<Record<string, number>> =>
    Object.assign(
      {},
      ...(await Promise.all(hosts.map(async ({ stateFile }) => effectsIn(await readFile(stateFile, 'utf8'))))),
    );
  const orderOf = async (word: string): Promise<string[]> => {
    const { run } = ((await ask('chain.history', { chain: 'grid' })) as RunRecord[])[0] as RunRecord;
    assert.ok(run);
    const nodes = (await ask('chain.status', { chain: 'grid' })) as NodeRecord[];
    return nodes
      .filter(({ phase }) => phase === word)
      .toSorted((a, b) => (a.since < b.since ? -1 : 1))
      .map(({ node }) => node);
  };

  it('are kept, listed, shown, drawn and planned', async () => {
    const made = (await ask('chain.set', { file: GRID })) as ChainRecord;
    assert.deepEqual([made.chain, made.nodes, made.state, made.by], ['grid', 4, 'never run', 'admin@skerry.test']);
    assert.deepEqual(await ask('chain.list'), [made]);
    assert.deepEqual(await ask('chain.show', { chain: 'grid' }), { chain: 'grid', text: GRID });
    const { text: picture } = (await ask('chain.show', { chain: 'grid', graph: 'svg' })) as { text: string };
    assert.match(picture, /^<svg.*>fossil<.*<\/svg>\s*$/su);
    const plan = (await ask('chain.plan', { chain: 'grid' })) as { text: string; waves: number };
    assert.equal(plan.waves, 3);
    assert.match(plan.text, /1\. venti\n2\. fossil\n3\. cpu1, cpu2/);
  });

  it('are refused with what is wrong, and nothing is kept', async () => {
    const wrong = GRID.replace('[venti]', '[venit]').replace('cpu2: { host: host2', 'cpu2: { hots: host2');
    const failure = await ask('chain.set', { file: wrong }).then(
      () => assert.fail('it was taken'),
      (error: Failure) => error,
    );
    assert.equal(failure.code, 'chain-file');
    assert.match(failure.message, /5:\d+: nodes\.fossil\.after\.0: there is no node venit\. Did you mean venti\?/);
    assert.match(failure.message, /7:\d+: nodes\.cpu2\.hots/);
    assert.match(
      ((await ask('chain.set', { file: 'chain: x\nnodes: {lan: {kind: network}}' }).catch((error) => error)) as Failure)
        .message,
      /networks are not run yet/,
    );
    assert.deepEqual(
      ((await ask('chain.list')) as ChainRecord[]).map(({ chain }) => chain),
      ['grid'],
    );
  });

  it('come up in order, once, and what is up is taken as it is', async () => {
    const job = await ended((await ask('chain.up', { chain: 'grid' })) as Job);
    assert.equal(job.state, 'done', job.progress);
    const order = await orderOf('ready');
    assert.deepEqual([...order.slice(0, 2), ...order.slice(2).toSorted()], ['venti', 'fossil', 'cpu1', 'cpu2']);
    const counted = await effects();
    for (const guest of ['venti', 'fossil', 'cpu1', 'cpu2']) assert.equal(counted[`start ${guest}`], 1, guest);
    const again = await ended((await ask('chain.up', { chain: 'grid' })) as Job);
    assert.equal(again.state, 'done');
    assert.deepEqual(await effects(), counted);
    const [newest, first] = (await ask('chain.history', { chain: 'grid' })) as RunRecord[];
    assert.deepEqual(
      [newest?.outcome, first?.outcome, first?.there, first?.of, first?.requester],
      ['done', 'done', 4, 4, 'admin@skerry.test'],
    );
  });

  it('go down in reverse, and a part takes along what needs it', async () => {
    assert.equal((await ended((await ask('chain.down', { chain: 'grid', part: ['fossil'] })) as Job)).state, 'done');
    assert.deepEqual((await orderOf('stopped')).at(-1), 'fossil');
    assert.equal(((await ask('guest.info', { guest: 'venti' })) as { state: string }).state, 'running');
    assert.equal((await ended((await ask('chain.down', { chain: 'grid' })) as Job)).state, 'done');
    assert.equal(((await ask('guest.info', { guest: 'venti' })) as { state: string }).state, 'shutoff');
  });

  it('wait for a release, say why, and are cancelled', async () => {
    await ask('chain.set', { file: GRID.replace('after: [venti] }', 'after: [venti], hold: true }') });
    const job = (await ask('chain.up', { chain: 'grid' })) as Job;
    const told = await until('fossil is held', async () => {
      const { text } = (await ask('chain.explain', { chain: 'grid', node: 'fossil' })) as { text: string };
      return /is released/.test(text) ? text : undefined;
    });
    assert.match(told, /^fossil waits until fossil is released, since \d/);
    assert.equal(await codeOf(ask('chain.set', { file: GRID })), 'chain-running');
    assert.equal(await codeOf(ask('chain.hold', { chain: 'grid', nodes: ['nosuch'] })), 'chain-node-unknown');
    await ask('chain.release', { chain: 'grid', nodes: ['fossil'] });
    assert.equal((await ended(job)).state, 'done');
    assert.equal(await codeOf(ask('chain.cancel', { chain: 'grid' })), 'chain-not-running');
    assert.equal((await ended((await ask('chain.down', { chain: 'grid' })) as Job)).state, 'done');
    const held = (await ask('chain.up', { chain: 'grid' })) as Job;
    await until('venti is up', async () => ((await orderOf('ready')).includes('venti') ? true : undefined));
    await ask('chain.cancel', { chain: 'grid' });
    assert.equal((await ended(held)).state, 'failed');
    assert.equal(((await ask('chain.list')) as ChainRecord[])[0]?.state, 'up: cancelled, 1 of 4');
    await ask('chain.set', { file: GRID });
    assert.equal((await ended((await ask('chain.down', { chain: 'grid' })) as Job)).state, 'done');
  });

  it('act for those who may, and for nobody else', async () => {
    assert.equal(await codeOf(ask('chain.up', { chain: 'grid' }, { as: viewer })), 'not-permitted');
    assert.equal(await codeOf(ask('chain.set', { file: GRID }, { as: viewer })), 'not-permitted');
    assert.equal(await codeOf(ask('chain.plan', { chain: 'grid' }, { as: viewer })), 'done');
    assert.equal(await codeOf(ask('chain.plan', { chain: 'gird' })), 'chain-not-found');
  });
});
