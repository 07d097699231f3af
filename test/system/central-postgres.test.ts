import assert from 'node:assert/strict';
import type { Failure } from '#shared/errors.ts';
import type { Job } from '#shared/model/job.ts';
import type { SiteGuestRecord } from '#shared/model/site.ts';
import type { ChainRecord, RunRecord } from '#shared/verbs/chain.ts';
import { hasPostgres, type PostgresServer, startPostgres } from '#test/contract/postgres-server.ts';
import { type TestAgent, testAgent } from './support/agent.ts';
import { askUntilAnswered } from './support/asking.ts';
import { CENTRAL, CENTRAL_SECRET, type TestCentral, testCentral } from './support/central.ts';
import { type Person, person } from './support/person.ts';
import { type TestServer, testServer } from './support/server.ts';
import { until } from './support/until.ts';

const CHAIN = `chain: two
nodes:
  venti: { host: host1 }
  fossil: { host: host1, after: [venti] }
`;

(hasPostgres() ? describe : describe.skip)('central on PostgreSQL', function () {
  this.timeout(120_000);
  let database: PostgresServer;
  let server: TestServer;
  let agent: TestAgent;
  let central: TestCentral;
  let admin: Person;

  before(async () => {
    [database, server] = await Promise.all([
      startPostgres(),
      testServer({ accounts: ['host1', 'admin'], components: { [CENTRAL]: CENTRAL_SECRET } }),
    ]);
    agent = await testAgent(server, {
      name: 'host1',
      driver: { guests: [{ name: 'venti' }, { name: 'fossil' }] },
      policy: { roles: {}, grants: [] },
      central: CENTRAL,
    });
    const policy = { roles: {}, grants: [{ jid: 'admin@skerry.test', role: 'admin' }] };
    central = await testCentral(server, {
      config: { hosts: ['host1'], policy, database: await database.newDatabase() },
    });
    admin = await person(server, 'admin');
    await Promise.all([agent.start(), central.start()]);
    await until('venti is known', async () => ask('guest.info', { guest: 'venti' }).catch(() => undefined));
  });
  after(async () => {
    await admin?.entity.stop();
    await central?.remove();
    await agent?.remove();
    await server?.stop();
    await database?.close();
  });

  const ask = askUntilAnswered(() => admin, 2_000);
  const runs = async (): Promise<RunRecord[]> => (await ask('chain.history', { chain: 'two' })) as RunRecord[];

  it('keeps what people did, carries chains out, and has all of it again after kill -9', async () => {
    await ask('guest.tag', { guest: 'fossil', tags: ['storage'], notes: 'the files' }, 'tag');
    await ask('role.grant', { role: 'viewer', jid: 'ann@skerry.test' }, 'grant');
    await ask('schedule.add', { name: 'nightly', when: '@daily', verb: 'guest.start', args: ['guest=venti'] }, 'add');
    await ask('chain.set', { file: CHAIN }, 'set');
    const up = (await ask('chain.up', { chain: 'two' }, 'up')) as Job;
    await central.kill9();
    await central.start();
    await until('the chain is up', async () => ((await runs())[0]?.outcome === 'done' ? true : undefined));
    assert.deepEqual(
      (await runs()).map(({ goal, there, of }) => [goal, there, of]),
      [['up', 2, 2]],
    );
    assert.equal(
      ((await ask('chain.up', { chain: 'two' }, 'up')) as Job).id,
      up.id,
      'the same operation is the same job',
    );
    const fossil = (await ask('guest.info', { guest: 'fossil' })) as SiteGuestRecord;
    assert.deepEqual([fossil.state, fossil.tags, fossil.notes], ['running', ['storage'], 'the files']);
    assert.equal(((await ask('schedule.list')) as unknown[]).length, 1);
    assert.equal(((await ask('audit.verify')) as { whole: boolean }).whole, true);
    assert.deepEqual(
      ((await ask('chain.list')) as ChainRecord[]).map(({ chain, state }) => [chain, state]),
      [['two', 'up: done, 2 of 2']],
    );
    await ask('chain.down', { chain: 'two' }, 'down');
    await until('the chain is down', async () =>
      (await runs()).length === 2 && (await runs())[0]?.outcome === 'done' ? true : undefined,
    );
    await ask('chain.delete', { chain: 'two' }, 'delete');
  });

  it('says that a backup is PostgreSQL’s own matter', async () => {
    const refused = await ask('backup.take').then(
      () => assert.fail('it was taken'),
      (error: Failure) => error,
    );
    assert.equal(refused.code, 'verb-unsupported');
    assert.match(refused.message, /pg_dump/);
  });
});
