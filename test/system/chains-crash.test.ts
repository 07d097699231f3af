import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { effectsIn } from '#agent/drivers/fake/store.ts';
import type { NodeRecord, RunRecord } from '#shared/verbs/chain.ts';
import { type TestAgent, testAgent } from './support/agent.ts';
import { askUntilAnswered } from './support/asking.ts';
import { CENTRAL, CENTRAL_SECRET, type TestCentral, testCentral } from './support/central.ts';
import { type Person, person } from './support/person.ts';
import { type TestServer, testServer } from './support/server.ts';
import { until } from './support/until.ts';

const ROUNDS = 50;
/** A chain up takes some 300 ms here: some kills come before, some after. */
const KILL_MS_MAX = 400;
const ANSWER_MS = 1_000;
const GUESTS = ['venti', 'fossil', 'cpu1', 'cpu2'] as const;
const GRID = `chain: grid
nodes:
  venti: { host: host1, retries: 3 }
  fossil: { host: host1, after: [venti], retries: 3 }
  cpu1: { host: host2, after: [fossil], retries: 3 }
  cpu2: { host: host2, after: [fossil], retries: 3 }
`;

describe('a chain whose actors are killed', function () {
  this.timeout(600_000);
  let server: TestServer;
  let hosts: TestAgent[] = [];
  let central: TestCentral;
  let admin: Person;

  before(async () => {
    server = await testServer({ accounts: ['host1', 'host2', 'admin'], components: { [CENTRAL]: CENTRAL_SECRET } });
    const host = (name: string, guests: readonly string[]): Promise<TestAgent> =>
      testAgent(server, {
        name,
        driver: { bootMs: 20, shutdownMs: 20, changeMs: 40, guests: guests.map((guest) => ({ name: guest })) },
        policy: { roles: {}, grants: [] },
        central: CENTRAL,
      });
    hosts = await Promise.all([host('host1', ['venti', 'fossil']), host('host2', ['cpu1', 'cpu2'])]);
    const policy = { roles: {}, grants: [{ jid: 'admin@skerry.test', role: 'admin' }] };
    central = await testCentral(server, { config: { hosts: ['host1', 'host2'], policy } });
    admin = await person(server, 'admin');
    await Promise.all([...hosts.map((each) => each.start()), central.start()]);
    for (const guest of ['venti', 'cpu1'])
      await until(`${guest} is known`, async () => ask('guest.info', { guest }).catch(() => undefined));
    await ask('chain.set', { file: GRID }, 'set');
  });
  after(async () => {
    await admin?.entity.stop();
    await central?.remove();
    await Promise.all(hosts.map((each) => each.remove()));
    await server?.stop();
  });

  const ask = askUntilAnswered(() => admin, ANSWER_MS);
  const lastRun = async (goal: 'up' | 'down', ordered: number): Promise<RunRecord> =>
    until(`the run ${goal} has ended`, async () => {
      const runs = (await ask('chain.history', { chain: 'grid' })) as RunRecord[];
      const [newest] = runs;
      return runs.length >= Math.min(20, ordered) && newest?.goal === goal && newest.outcome !== 'going on'
        ? newest
        : undefined;
    });
  const effects = async (): Promise<Record<string, number>> =>
    Object.assign(
      {},
      ...(await Promise.all(hosts.map(async ({ stateFile }) => effectsIn(await readFile(stateFile, 'utf8'))))),
    );

  it(`goes on where it was, and starts each guest once, ${ROUNDS} times at random instants`, async () => {
    let ordered = 0;
    for (let round = 1; round <= ROUNDS; round++) {
      const before = await effects();
      const victim = [central, ...hosts][round % 3] as TestCentral | TestAgent;
      const killed = delay(randomInt(KILL_MS_MAX)).then(async () => {
        await victim.kill9();
        await victim.start();
      });
      await ask('chain.up', { chain: 'grid' }, `up ${round}`);
      await killed;
      const run = await lastRun('up', ++ordered);
      assert.deepEqual([run.outcome, run.there], ['done', 4], `round ${round}: ${run.problem}`);
      const after = await effects();
      for (const guest of GUESTS)
        assert.equal(
          (after[`start ${guest}`] ?? 0) - (before[`start ${guest}`] ?? 0),
          1,
          `starts of ${guest} in round ${round}`,
        );
      const nodes = (await ask('chain.status', { chain: 'grid' })) as NodeRecord[];
      assert.ok(
        nodes.every(({ phase }) => phase === 'ready'),
        JSON.stringify(nodes),
      );
      await ask('chain.down', { chain: 'grid' }, `down ${round}`);
      await lastRun('down', ++ordered);
    }
  });
});
