import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { effectsIn } from '#agent/drivers/fake/store.ts';
import { auditTrail } from '#central/audit/trail.ts';
import { openDatabase } from '#central/database/open.ts';
import { groupWriter } from '#central/database/writer.ts';
import type { Job } from '#shared/model/job.ts';
import type { ScheduleRecord } from '#shared/model/schedule.ts';
import type { SiteGuestRecord } from '#shared/model/site.ts';
import type { AuditRecord } from '#shared/verb/request.ts';
import type { RoleRecord } from '#shared/verbs/role.ts';
import { type TestAgent, testAgent } from './support/agent.ts';
import { askUntilAnswered, type VerbId } from './support/asking.ts';
import { CENTRAL, CENTRAL_SECRET, type TestCentral, testCentral } from './support/central.ts';
import { type Person, person } from './support/person.ts';
import { type TestServer, testServer } from './support/server.ts';
import { until } from './support/until.ts';

/** More commits than what is done here takes. */
const COMMITS_MAX = 100;
/** What was on its way to central when it was killed is answered by nobody: it is asked again. */
const ANSWER_MS = 700;

describe('central that is killed at a write', function () {
  this.timeout(900_000);
  let server: TestServer;
  let agent: TestAgent;
  let admin: Person;

  before(async () => {
    server = await testServer({ accounts: ['host1', 'admin'], components: { [CENTRAL]: CENTRAL_SECRET } });
    const rounds = ['before', 'after'].flatMap((when) =>
      Array.from({ length: COMMITS_MAX }, (_, n) => `${when}${n + 1}`),
    );
    agent = await testAgent(server, {
      name: 'host1',
      driver: {
        bootMs: 10,
        shutdownMs: 10,
        guests: rounds.flatMap((round) => [{ name: `off-${round}` }, { name: `on-${round}`, running: true }]),
      },
      policy: { roles: {}, grants: [] },
      central: CENTRAL,
    });
    admin = await person(server, 'admin');
    await agent.start();
  });
  after(async () => {
    await admin?.entity.stop();
    await agent?.remove();
    await server?.stop();
  });

  for (const when of ['before', 'after'] as const)
    it(`loses nothing and does nothing twice, right ${when} each commit`, async () => {
      let commit = 1;
      while (await wasKilled(when, commit)) commit++;
      assert.ok(commit > 10, `only ${commit} commits were there to be killed at`);
      assert.ok(commit < COMMITS_MAX, 'there were more commits than guests to try them with');
    });

  /** Do it all with a central that is killed at this commit. @returns whether it came so far */
  const wasKilled = async (when: 'before' | 'after', commit: number): Promise<boolean> => {
    const central = await testCentral(server, {
      config: { hosts: ['host1'], policy: { roles: {}, grants: [{ jid: 'admin@skerry.test', role: 'admin' }] } },
    });
    try {
      let isKilled = false;
      const begun = central.start({ SKERRY_FAILPOINT: `${when}:${commit}` }).catch(() => {});
      const killed = begun.then(async () => {
        if ((await central.ended()) !== 'SIGKILL' || isOver) return;
        isKilled = true;
        await central.start();
      });
      let isOver = false;
      await scenario(`${when}${commit}`);
      isOver = true;
      await central.kill9();
      await killed;
      await checkKept(central, `${when}${commit}`);
      return isKilled;
    } finally {
      await central.remove();
    }
  };

  /** What somebody does who asks until there is an answer, and what must be so then. */
  const scenario = async (round: string): Promise<void> => {
    const [off, on] = [`off-${round}`, `on-${round}`];
    // What was once refused stays refused for its operation id: so first central has to know of them.
    await ask('guest.info', { guest: off });
    await ask('guest.info', { guest: on });
    const started = (await ask('guest.start', { guest: off }, `start ${round}`)) as SiteGuestRecord;
    assert.equal(started.state, 'running');
    await ask('guest.tag', { guest: off, tags: ['kept', round] }, `tag ${round}`);
    // What is taken away again by its own operation, which is asked until it says that it is done.
    const once = { name: 'once', when: '@daily', verb: 'guest.start', args: [`guest=${off}`] };
    await ask('schedule.add', once, `once ${round}`);
    await ask('role.grant', { jid: 'bob@skerry.test', role: 'viewer' }, `grant bob ${round}`);
    await ask('role.set', { role: 'night', allow: ['@read'] }, `night ${round}`);
    await ask('guest.tag', { guest: off, tags: ['passing'] }, `passing ${round}`);
    await ask('chain.set', { file: `chain: small\nnodes:\n  ${off}: { host: host1 }\n` }, `chain ${round}`);
    const nightly = { name: 'nightly', when: '@daily', verb: 'guest.start', args: [`guest=${off}`] };
    await ask('schedule.add', nightly, `schedule ${round}`);
    await ask('role.grant', { jid: 'ann@skerry.test', role: 'operator' }, `grant ${round}`);
    for (const [verb, args, operation] of removals(round)) {
      await ask(verb, args, operation);
      await ask(verb, args, operation);
    }
    const begun = (await ask('guest.shutdown', { guest: on, waitS: 60 }, `shutdown ${round}`)) as Job;
    const job = await until(`the job of ${round} has ended`, async () => {
      const latest = (await ask('job.info', { job: begun.id })) as Job;
      return latest.state === 'running' ? undefined : latest;
    });
    assert.equal(job.state, 'done', job.progress);
    // What was answered stays so, and the same operation again does nothing.
    await ask('guest.start', { guest: off }, `start ${round}`);
    assert.equal(((await ask('guest.shutdown', { guest: on, waitS: 60 }, `shutdown ${round}`)) as Job).id, begun.id);
    const jobs = (await ask('job.list', {})) as Job[];
    assert.deepEqual(
      jobs.map(({ id, state }) => [id, state]),
      [[begun.id, 'done']],
    );
    await until(`${on} is off`, async () => {
      const guest = (await ask('guest.info', { guest: on })) as SiteGuestRecord;
      return guest.state === 'shutoff' ? guest : undefined;
    });
    const tagged = (await ask('guest.info', { guest: off })) as SiteGuestRecord;
    assert.deepEqual([tagged.tags, tagged.state], [['kept', round], 'running']);
    const schedules = (await ask('schedule.list', {})) as ScheduleRecord[];
    assert.deepEqual(
      schedules.map(({ name, args }) => [name, args.includes(`guest=${off}`)]),
      [['nightly', true]],
    );
    const operators = (await ask('role.info', { role: 'operator' })) as RoleRecord;
    assert.equal(operators.grants.filter((grant) => grant.includes('ann@skerry.test')).length, 1);
    const effects = effectsIn(await readFile(agent.stateFile, 'utf8'));
    assert.deepEqual([effects[`start ${off}`], effects[`ask ${on}`]], [1, 1], `effects of ${round}`);
  };

  const ask = askUntilAnswered(
    () => admin,
    ANSWER_MS,
    // What only reads waits until the host has reported.
    ({ code }, operation) => code === 'host-unreachable' || (code === 'guest-not-found' && !operation),
  );
});

/** What takes something away: asked anew by an id that nobody knows any more, there would be nothing to take away. */
const removals = (round: string): [VerbId, Record<string, unknown>, string][] => [
  ['schedule.remove', { name: 'once' }, `remove ${round}`],
  ['role.revoke', { jid: 'bob@skerry.test', role: 'viewer' }, `revoke ${round}`],
  ['role.delete', { role: 'night' }, `delete ${round}`],
  ['guest.untag', { guest: `off-${round}`, tags: ['passing'] }, `untag ${round}`],
  ['chain.delete', { chain: 'small' }, `delete chain ${round}`],
];

/** What is on the disk after a last kill. */
async function checkKept(central: TestCentral, round: string): Promise<void> {
  const onBug = (error: unknown): never => {
    throw error;
  };
  const database = await openDatabase(join(central.state, 'central.sqlite'), onBug);
  try {
    const trail = auditTrail(database, groupWriter(database), onBug);
    const { entries, brokenAt } = await trail.verify();
    assert.equal(brokenAt, undefined);
    const records = (await trail.from(1, entries)).map(({ record }) => record);
    const outcomes = (operation: string) =>
      records
        .filter((record) => record.operation === `${operation} ${round}` && !record.replayed)
        .map(({ verb, outcome, job }: AuditRecord) => [verb, outcome, job !== undefined]);
    assert.deepEqual(outcomes('start'), [['guest.start', 'done', false]]);
    assert.deepEqual(outcomes('tag'), [['guest.tag', 'done', false]]);
    assert.deepEqual(outcomes('schedule'), [['schedule.add', 'done', false]]);
    for (const [verb, , operation] of removals(round))
      assert.deepEqual(outcomes(operation.replace(` ${round}`, '')), [[verb, 'done', false]]);
    assert.deepEqual(outcomes('grant'), [['role.grant', 'done', false]]);
    // One of its begin, one of its end.
    assert.deepEqual(outcomes('shutdown'), [
      ['guest.shutdown', 'done', true],
      ['guest.shutdown', 'done', true],
    ]);
    const jobs = await database.selectFrom('jobs').selectAll().execute();
    assert.deepEqual(
      jobs.map(({ state }) => state),
      ['done'],
    );
    const open = await database.selectFrom('operations').select('id').where('recorded', 'is', null).execute();
    assert.deepEqual(open, []);
  } finally {
    await database.destroy();
  }
}
