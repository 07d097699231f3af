import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { effectsIn } from '#agent/drivers/fake/store.ts';
import type { Job } from '#shared/model/job.ts';
import type { SiteGuestRecord } from '#shared/model/site.ts';
import type { NetworkInfo } from '#shared/verbs/network.ts';
import { type TestAgent, testAgent } from './support/agent.ts';
import { askUntilAnswered } from './support/asking.ts';
import { allAreHeard, CENTRAL, CENTRAL_SECRET, type TestCentral, testCentral } from './support/central.ts';
import { type Person, person } from './support/person.ts';
import { type TestServer, testServer } from './support/server.ts';
import { until } from './support/until.ts';

const HOSTS = ['host1', 'host2'] as const;
type Host = (typeof HOSTS)[number];
const GUEST = 'venti';
/** From the first step of a move to its last, so that it can be cut off in between. */
const CHANGE_MS = 300;

describe('a guest that moves, of hosts that are none', function () {
  this.timeout(180_000);
  let server: TestServer;
  let central: TestCentral;
  let admin: Person;
  let agents: Record<Host, TestAgent>;
  let nth = 0;

  before(async () => {
    server = await testServer({ accounts: [...HOSTS, 'admin'], components: { [CENTRAL]: CENTRAL_SECRET } });
    const grants = [{ jid: 'admin@skerry.test', role: 'admin' }];
    central = await testCentral(server, { config: { hosts: [...HOSTS], policy: { roles: {}, grants } } });
    const agentOf = (name: Host, guests: object[]): Promise<TestAgent> =>
      testAgent(server, {
        ...{ name, central: CENTRAL, policy: { roles: {}, grants }, networks: { driver: 'fake' } },
        driver: { guests, changeMs: CHANGE_MS },
        migration: { address: '127.0.0.1' },
      });
    agents = {
      host1: await agentOf('host1', [{ name: GUEST, running: true, hearsShutdown: true }, { name: 'off' }]),
      host2: await agentOf('host2', []),
    };
    admin = await person(server, 'admin');
    await Promise.all([central.start(), ...HOSTS.map((name) => agents[name].start())]);
    await allAreHeard(() => ask('host.list'));
    await until('the guest is known', () => whereIs().catch(() => undefined));
  });
  after(async () => {
    await admin?.entity.stop();
    for (const name of HOSTS) await agents?.[name]?.remove();
    await central?.remove();
    await server?.stop();
  });

  const ask = askUntilAnswered(
    () => admin,
    2_000,
    ({ code }) => code === 'host-unreachable',
  );
  const infoOf = async (): Promise<SiteGuestRecord> => (await ask('guest.info', { guest: GUEST })) as SiteGuestRecord;
  const whereIs = async (): Promise<Host> => (await infoOf()).host as Host;
  const begin = async (to: Host): Promise<string> =>
    ((await ask('guest.migrate', { guest: GUEST, to }, `move ${++nth}`)) as Job).id;
  const ended = (job: string): Promise<Job> =>
    until(
      `job ${job} has ended`,
      async () => {
        const now = (await ask('job.info', { job })) as Job;
        return now.state === 'running' ? undefined : now;
      },
      60_000,
    );
  const other = (host: Host): Host => (host === 'host1' ? 'host2' : 'host1');
  /** What a hypervisor has of it, without Skerry. */
  const recordAt = async (host: Host): Promise<{ state: string; startedAtMs: number } | undefined> => {
    const lines = (await readFile(agents[host].stateFile, 'utf8')).trimEnd().split('\n');
    const own = lines
      .map((line) => JSON.parse(line))
      .filter(({ id, name, record }) => id && (name ?? record?.definition?.name) === GUEST);
    return own.at(-1)?.record;
  };
  /** On exactly one of them, where it runs. */
  const runsOnce = async (): Promise<Host> => {
    const states = await Promise.all(HOSTS.map(async (host) => [host, (await recordAt(host))?.state] as const));
    const there = states.filter(([, state]) => state !== undefined);
    assert.equal(there.length, 1, JSON.stringify(states));
    assert.equal(there[0]?.[1], 'running', JSON.stringify(states));
    return there[0][0];
  };

  it('is where it was sent, as it was, and runs there only when the other has none of it', async () => {
    const began = (await recordAt('host1'))?.startedAtMs;
    await ask('guest.tag', { guest: GUEST, tags: ['kept'] });
    const { outcome, progress } = await ended(await begin('host2'));
    assert.equal(outcome, 'done', progress);
    assert.equal(await runsOnce(), 'host2');
    assert.equal((await recordAt('host2'))?.startedAtMs, began, 'it was not started anew');
    const { host, state, tags } = await infoOf();
    assert.deepEqual({ host, state, tags }, { host: 'host2', state: 'running', tags: ['kept'] });
    const effects = effectsIn(await readFile(agents.host2.stateFile, 'utf8'));
    assert.equal(effects[`start ${GUEST}`], undefined);
  });

  it('has its network where it goes before it is there, and not where it was afterwards', async () => {
    await ask('network.create', { network: 'lan', kind: 'isolated', subnet: ['10.7.0.0/24'] }, 'lan');
    await ask('guest.set', { guest: GUEST, ip: ['10.7.0.9'] }, 'address');
    const hosts = async (): Promise<string[]> => ((await ask('network.info', { network: 'lan' })) as NetworkInfo).hosts;
    assert.deepEqual(await hosts(), ['host2']);
    const { pid } = agents.host1;
    const caughtOnItsWay = async (): Promise<boolean> => {
      const awaits = agents.host1.next((record) => record.msg === 'a guest is awaited');
      const job = await begin('host1');
      await awaits;
      // So it cannot come meanwhile.
      process.kill(pid, 'SIGSTOP');
      try {
        if ((await recordAt('host1')) !== undefined) return false;
        assert.deepEqual((await hosts()).toSorted(), ['host1', 'host2']);
      } finally {
        process.kill(pid, 'SIGCONT');
        assert.equal((await ended(job)).outcome, 'done');
      }
      return true;
    };
    // Where it was there already, it goes back, and once more.
    while (!(await caughtOnItsWay())) assert.equal((await ended(await begin('host2'))).outcome, 'done');
    await until('the network has left', async () => (await hosts()).join() === 'host1' || undefined);
    assert.equal(await runsOnce(), 'host1');
  });

  it('stays where it is when that is called off', async () => {
    const calledOff = async (): Promise<boolean> => {
      const job = await begin('host2');
      await until('it is sent', async () => {
        const { state, progress } = (await ask('job.info', { job })) as Job;
        return state !== 'running' || /sending/.test(progress) || undefined;
      });
      await ask('job.cancel', { job }, `cancel ${job}`);
      const { state } = await ended(job);
      assert.equal(await runsOnce(), state === 'cancelled' ? 'host1' : 'host2');
      return state === 'cancelled';
    };
    // A word that comes when it is there already is too late: then it goes back, and once more.
    while (!(await calledOff())) assert.equal((await ended(await begin('host1'))).outcome, 'done');
  });

  it('is refused where it is, where it is not known, and when it is off', async () => {
    for (const [to, code] of [
      ['host1', 'migration-unfit'],
      ['host9', 'host-not-found'],
    ] as const) {
      const job = (await ask('guest.migrate', { guest: GUEST, to }, `refused ${to}`)) as Job;
      assert.equal((await ended(job.id)).outcome, code);
    }
    const job = (await ask('guest.migrate', { guest: 'off', to: 'host2' }, 'refused off')) as Job;
    assert.equal((await ended(job.id)).outcome, 'guest-wrong-state');
    assert.equal(await runsOnce(), 'host1');
  });

  for (const who of ['central', 'the source', 'the target'] as const)
    for (const share of [0.7, 1.6])
      it(`runs at one of them when ${who} is killed after ${share} of a step`, async () => {
        const from = await runsOnce();
        const job = await begin(other(from));
        await delay(share * CHANGE_MS);
        const program = who === 'central' ? central : agents[who === 'the source' ? from : other(from)];
        await program.kill9();
        await program.start();
        const { outcome, progress } = await ended(job);
        assert.notEqual(outcome, 'internal', progress);
        const at = await runsOnce();
        assert.equal(at, outcome === 'done' ? other(from) : from, progress);
        await until('central knows where', async () => (await whereIs()) === at || undefined);
      });
});
