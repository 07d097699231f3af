import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { execa } from 'execa';
import { stringify } from 'yaml';
import { effectsIn } from '#agent/drivers/fake/store.ts';
import { auditTrail } from '#central/audit/trail.ts';
import { type Database, openDatabase } from '#central/database/open.ts';
import { groupWriter } from '#central/database/writer.ts';
import { joinSite, type Token, tokenIn } from '#provisioning/enrol/join-site.ts';
import { ensureAccount } from '#shared/ejabberd/accounts.ts';
import { Failure } from '#shared/errors.ts';
import type { Job } from '#shared/model/job.ts';
import type { ScheduleRecord } from '#shared/model/schedule.ts';
import type { SiteGuestRecord } from '#shared/model/site.ts';
import type { AuditRecord } from '#shared/verb/request.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import type { RoleRecord } from '#shared/verbs/role.ts';
import { runVerb } from '#shared/xmpp/commands-client.ts';
import { type TestAgent, testAgent } from './support/agent.ts';
import type { VerbId } from './support/asking.ts';
import { CENTRAL, CENTRAL_SECRET, type TestCentral, testCentral } from './support/central.ts';
import { askThroughKills, COMMITS_MAX, commitsKilledAt, type KillPoint, killedWhile } from './support/kill-points.ts';
import { type Person, person } from './support/person.ts';
import { MAIN as CLI } from './support/rig.ts';
import { type TestServer, testServer } from './support/server.ts';
import { until } from './support/until.ts';

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
        guests: [
          ...rounds.flatMap((round) => [{ name: `off-${round}` }, { name: `on-${round}`, running: true }]),
          { name: WAITED_FOR },
        ],
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

  for (const when of ['before', 'after'] as const) {
    it(`loses nothing and does nothing twice, right ${when} each commit`, async () => {
      const killed = await commitsKilledAt(when, (at) =>
        wasKilled(at, { does: scenario, kept: checkKept, round: at.replace(':', '') }),
      );
      assert.ok(killed > 10);
    });

    it(`says that it took away what it took away, right ${when} each commit`, async () => {
      const made = await newCentral();
      try {
        await made.start();
        await makeAll();
        await made.kill9();
        const story = { begins: made.state, does: removeAll, kept: checkRemoved, round: 'removals' };
        assert.ok((await commitsKilledAt(when, (at) => wasKilled(at, story))) > REMOVALS.length);
      } finally {
        await made.remove();
      }
    });
  }

  it('is found out soon by a person who waits for it, and asked again when it is back', async () => {
    const central = await newCentral();
    let asking: ReturnType<typeof skerry> | undefined;
    try {
      await central.start();
      await ask('guest.info', { guest: WAITED_FOR });
      // What central is asked stays open while the agent does not answer it.
      process.kill(agent.pid, 'SIGSTOP');
      const said: string[] = [];
      asking = skerry(server, central.folder, ['guest', 'start', WAITED_FOR, '--operation', 'waited for']);
      asking.stderr.on('data', (text) => said.push(String(text)));
      await until('central is asked', async () => isOpen(central, 'waited for') || undefined);
      await central.kill9();
      process.kill(agent.pid, 'SIGCONT');
      await until('the person is told', async () => /did not answer .* Asking again/.test(said.join('')) || undefined);
      await central.start();
      const backAt = performance.now();
      const { exitCode, stdout, stderr } = await asking;
      const tookMs = performance.now() - backAt;
      assert.equal(exitCode, 0, stderr);
      assert.match(stdout, new RegExp(`^${WAITED_FOR} · running`));
      // Before the time of its answer is over there is nothing else that would end it.
      assert.ok(tookMs < 30_000, `it took ${tookMs} ms`);
      const effects = effectsIn(await readFile(agent.stateFile, 'utf8'));
      assert.equal(effects[`start ${WAITED_FOR}`], 1);
    } finally {
      process.kill(agent.pid, 'SIGCONT');
      asking?.kill('SIGKILL');
      await central.remove();
    }
  });

  it('lets a host in for good, killed right before each commit of that', async () => {
    const made = await newCentral();
    try {
      await made.start();
      await ask('host.list', {});
      const enrolled = await runVerb(admin.entity, CENTRAL, 'host.enrol', centralVerbs['host.enrol'], {
        name: 'host5',
      });
      const { token } = enrolled.value as { token: string };
      await made.kill9();
      // Then the server has the new password, and nobody has written down that the token is used.
      const killed = await commitsKilledAt('before', (at) => wasKilled(at, joiningStory(made.state, tokenIn(token))));
      assert.ok(killed > 0);
    } finally {
      await made.remove();
    }
  });

  /** A host that tries until it has joined. Its account is what the token says, whatever it was in the round before. */
  const joiningStory = (begins: string, token: Token): Story => ({
    round: 'joining',
    begins,
    does: async () => {
      await ensureAccount(server.api, { jid: token.jid, password: token.secret });
      const out = join(server.folder, 'host5.json');
      await Promise.all([out, `${out}.joining`].map((file) => rm(file, { force: true })));
      const at = { service: server.xmpp, ca: server.ca, answerMs: 1_000 };
      await until('it has joined', () => joinSite(token, at, CENTRAL, out).then(() => true, isAwayNow));
      const { password } = JSON.parse(await readFile(out, 'utf8'));
      await ask('host.list', {});
      assert.equal(await server.api('check_password', { user: 'host5', host: 'skerry.test', password }), 0);
    },
    kept: (central) =>
      opened(central, async (_, database) => {
        const [row] = await database.selectFrom('tokens').selectAll().execute();
        assert.ok(row?.used_at, 'its token is used, so that its account is not taken back');
        const trail = await database.selectFrom('audit').select('record').execute();
        assert.equal(trail.filter(({ record }) => record.includes('host.join')).length, 1);
      }),
  });

  const newCentral = (): Promise<TestCentral> =>
    testCentral(server, {
      config: {
        ejabberd: { socket: join(server.folder, 'api.sock') },
        hosts: ['host1'],
        policy: { roles: {}, grants: [{ jid: 'admin@skerry.test', role: 'admin' }] },
      },
    });

  interface Story {
    round: string;
    /** Folder of what central knows at its begin; without it, nothing. */
    begins?: string;
    does(round: string): Promise<void>;
    kept(central: TestCentral, round: string): Promise<void>;
  }

  /** Do it all with a central that is killed there. @returns whether it came so far */
  const wasKilled = async (at: KillPoint, story: Story): Promise<boolean> => {
    const central = await newCentral();
    try {
      if (story.begins) await cp(story.begins, central.state, { recursive: true });
      const isKilled = await killedWhile(central, at, () => story.does(story.round));
      await story.kept(central, story.round);
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
    const nightly = { name: 'nightly', when: '@daily', verb: 'guest.start', args: [`guest=${off}`] };
    await ask('schedule.add', nightly, `schedule ${round}`);
    await ask('role.grant', { jid: 'ann@skerry.test', role: 'operator' }, `grant ${round}`);
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

  const makeAll = async (): Promise<void> => {
    await ask('guest.info', { guest: TAGGED });
    for (const [verb, args] of MADE) await ask(verb, args, verb);
  };
  /** Each twice: the second time it is known, or would find nothing. */
  const removeAll = async (round: string): Promise<void> => {
    // A name that is not known yet was not there, and stays so for its operation.
    await ask('guest.info', { guest: TAGGED });
    for (const [verb, args] of [...REMOVALS, ...REMOVALS]) await ask(verb, args, `${verb} ${round}`);
  };

  const ask = askThroughKills(() => admin);
});

/** Of who joins: central is not there, or its answer is lost. @throws what is anything else */
function isAwayNow(error: unknown): undefined {
  const isAway = error instanceof Failure && ['no-answer', 'not-connected', 'peer-refused'].includes(error.code);
  if (!isAway) throw error;
}

const WAITED_FOR = 'waited-for';

/** The command line, of the administrator of this site. */
function skerry(server: TestServer, folder: string, args: readonly string[]) {
  const { jid, password } = server.account('admin');
  const { host, port } = server.xmpp;
  const config = { jid, passwordFile: 'password', service: { host, port }, ca: server.caFile, central: CENTRAL };
  writeFileSync(join(folder, 'password'), password, { mode: 0o600 });
  writeFileSync(join(folder, 'cli.yaml'), stringify(config));
  const argv = [CLI, ...args, '--config', join(folder, 'cli.yaml')];
  return execa(process.execPath, argv, { reject: false });
}

/** Whether central has written down that it was asked this, and no outcome yet. */
function isOpen({ state }: TestCentral, operation: string): boolean {
  const database = new DatabaseSync(join(state, 'central.sqlite'), { readOnly: true });
  try {
    return database.prepare('SELECT 1 FROM operations WHERE id = ? AND recorded IS NULL').get(operation) !== undefined;
  } finally {
    database.close();
  }
}

const TAGGED = 'off-before1';
const MADE: readonly [VerbId, Record<string, unknown>][] = [
  ['schedule.add', { name: 'once', when: '@daily', verb: 'guest.start', args: [`guest=${TAGGED}`] }],
  ['role.grant', { jid: 'bob@skerry.test', role: 'viewer' }],
  ['role.set', { role: 'night', allow: ['@read'] }],
  ['guest.tag', { guest: TAGGED, tags: ['passing'] }],
  ['host.tag', { host: 'host1', tags: ['passing'] }],
  ['chain.set', { file: `chain: small\nnodes:\n  ${TAGGED}: { host: host1 }\n` }],
];
/** Carried out a second time, each would say that there is nothing to take away. */
const REMOVALS: readonly [VerbId, Record<string, unknown>][] = [
  ['schedule.remove', { name: 'once' }],
  ['role.revoke', { jid: 'bob@skerry.test', role: 'viewer' }],
  ['role.delete', { role: 'night' }],
  ['guest.untag', { guest: TAGGED, tags: ['passing'] }],
  ['host.untag', { host: 'host1', tags: ['passing'] }],
  ['chain.delete', { chain: 'small' }],
];

type Outcomes = (operation: string) => [verb: string, outcome: string, isJob: boolean][];

/** Look into the database after a last kill: the trail holds, and no operation is left open. */
async function opened(
  central: TestCentral,
  look: (outcomes: Outcomes, database: Database) => void | Promise<void>,
): Promise<void> {
  const onBug = (error: unknown): never => {
    throw error;
  };
  const database = await openDatabase(join(central.state, 'central.sqlite'), onBug);
  try {
    const trail = auditTrail(database, groupWriter(database), onBug);
    const { entries, brokenAt } = await trail.verify();
    assert.equal(brokenAt, undefined);
    const records = (await trail.from(1, entries)).map(({ record }) => record);
    await look(
      (operation) =>
        records
          .filter((record) => record.operation === operation && !record.replayed)
          .map(({ verb, outcome, job }: AuditRecord) => [verb, outcome, job !== undefined]),
      database,
    );
    const open = await database.selectFrom('operations').select('id').where('recorded', 'is', null).execute();
    assert.deepEqual(open, []);
  } finally {
    await database.destroy();
  }
}

const checkRemoved = (central: TestCentral, round: string): Promise<void> =>
  opened(central, (outcomes) => {
    for (const [verb] of REMOVALS) assert.deepEqual(outcomes(`${verb} ${round}`), [[verb, 'done', false]]);
  });

const checkKept = (central: TestCentral, round: string): Promise<void> =>
  opened(central, async (outcomes, database) => {
    for (const [operation, verb] of [
      ['start', 'guest.start'],
      ['tag', 'guest.tag'],
      ['schedule', 'schedule.add'],
      ['grant', 'role.grant'],
    ])
      assert.deepEqual(outcomes(`${operation} ${round}`), [[verb, 'done', false]]);
    // One of its begin, one of its end.
    assert.deepEqual(outcomes(`shutdown ${round}`), [
      ['guest.shutdown', 'done', true],
      ['guest.shutdown', 'done', true],
    ]);
    const jobs = await database.selectFrom('jobs').selectAll().execute();
    assert.deepEqual(
      jobs.map(({ state }) => state),
      ['done'],
    );
  });
