import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import xml, { type Element } from '@xmpp/xml';
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
      (
        (await ask('chain.set', { file: 'chain: x\nnodes: {srv: {kind: host, power: true}}' }).catch(
          (error) => error,
        )) as Failure
      ).message,
      /hosts are not switched on and off yet/,
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

  it('say what became of a node after its run', async () => {
    await ask('guest.poweroff', { guest: 'cpu2' });
    // Central hears it of the agent's next report.
    const text = await until('that it is off is known', async () => {
      const explained = (await ask('chain.explain', { chain: 'grid', node: 'cpu2' })) as { text: string };
      return /By now/.test(explained.text) ? explained.text : undefined;
    });
    assert.match(text, /^cpu2 is ready since .*\. By now it is not up any more: it is shutoff\.$/);
    const nodes = (await ask('chain.status', { chain: 'grid' })) as NodeRecord[];
    assert.deepEqual(nodes.map(({ node, why }) => [node, why]).toSorted(), [
      ['cpu1', ''],
      ['cpu2', 'it is not up any more: it is shutoff'],
      ['fossil', ''],
      ['venti', ''],
    ]);
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
      return /to be released/.test(text) ? text : undefined;
    });
    assert.match(told, /^fossil waits to be released, since \d/);
    assert.equal(await codeOf(ask('chain.set', { file: GRID })), 'chain-running');
    const { text: same } = (await ask('chain.show', { chain: 'grid' })) as { text: string };
    assert.equal(await codeOf(ask('chain.set', { file: same })), 'done', 'the same file changes nothing');
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

  const up = async (chain: string): Promise<Job> => ended((await ask('chain.up', { chain })) as Job);
  const down = async (chain: string): Promise<Job> => ended((await ask('chain.down', { chain })) as Job);
  const stateOf = async (guest: string): Promise<string> =>
    ((await ask('guest.info', { guest })) as { state: string }).state;
  const runs = (guest: string, times: number): Promise<true> =>
    until(`${guest} was started ${times} times and runs`, async () => {
      const counted = (await effects())[`start ${guest}`] ?? 0;
      assert.ok(counted <= times, `${guest} was started ${counted} times`);
      return counted === times && (await stateOf(guest)) === 'running' ? true : undefined;
    });

  it('keep up what they shall, and stop at a loop of crashes', async () => {
    await ask('chain.set', { file: 'chain: kept\nnodes:\n  cpu1: { host: host2, keep: { most: 2, within: 10m } }\n' });
    assert.equal((await up('kept')).state, 'done');
    const before = (await effects())['start cpu1'] ?? 0;
    assert.match(
      ((await ask('chain.list')) as ChainRecord[]).find(({ chain }) => chain === 'kept')?.state ?? '',
      /watching/,
    );
    for (const lost of [1, 2]) {
      await ask('guest.poweroff', { guest: 'cpu1' });
      await runs('cpu1', before + lost);
    }
    await ask('guest.poweroff', { guest: 'cpu1' });
    const told = await until('it is given up', async () => {
      const { text } = (await ask('chain.explain', { chain: 'kept', node: 'cpu1' })) as { text: string };
      return /failed/.test(text) ? text : undefined;
    });
    assert.match(told, /3 times within 10 min, so it is not started again/);
    assert.equal(await stateOf('cpu1'), 'shutoff');
    await ask('chain.delete', { chain: 'kept' });
  });

  it('refuse what another run wants the other way round', async () => {
    await ask('chain.set', {
      file: 'chain: other\nnodes: { venti: { host: host1 }, late: { kind: check, ready: { tcp: "127.0.0.1:1", from: host1 }, after: [venti], timeout: 10m } }\n',
    });
    const job = (await ask('chain.up', { chain: 'other' })) as Job;
    await until('venti is up', async () => ((await stateOf('venti')) === 'running' ? true : undefined));
    const refused = await down('grid');
    assert.deepEqual([refused.state, refused.outcome], ['failed', 'chain-conflict']);
    const { text } = (await ask('chain.plan', { chain: 'grid', goal: 'down' })) as { text: string };
    assert.match(text, /Refused: the run other-\w+ is taking venti up/);
    const late = await until('why late is not there', async () => {
      const nodes = (await ask('chain.status', { chain: 'other' })) as NodeRecord[];
      const why = nodes.find(({ node }) => node === 'late')?.why ?? '';
      return why.includes('answers') ? why : undefined;
    });
    assert.match(late, /^waits until it answers as ready, since/);
    await ask('job.cancel', { job: job.id });
    await until('the run has ended', async () =>
      (await codeOf(ask('chain.cancel', { chain: 'other' }))) === 'chain-not-running' ? true : undefined,
    );
    await ask('chain.delete', { chain: 'other' });
    assert.equal((await down('grid')).state, 'done');
  });

  it('are run by schedules', async () => {
    const before = (await effects())['start venti'] ?? 0;
    const when = new Date(Date.now() + 1_500).toISOString();
    await ask('schedule.add', { name: 'early', when, verb: 'chain.up', args: ['chain=grid', 'part=venti'] });
    await runs('venti', before + 1);
    const [newest] = (await ask('chain.history', { chain: 'grid' })) as RunRecord[];
    assert.deepEqual([newest?.goal, newest?.of], ['up', 1]);
    await ask('schedule.remove', { name: 'early' });
    assert.equal((await down('grid')).state, 'done');
  });

  it('start by themselves when central begins, unless they were ordered down', async () => {
    await ask('chain.set', { file: GRID.replace('chain: grid', 'chain: grid\nautostart: true') });
    const before = (await effects())['start cpu2'] ?? 0;
    const restarted = async (): Promise<void> => {
      await central.kill9();
      await central.start();
      await until('central answers', async () => ask('chain.list').catch(() => undefined));
    };
    await restarted();
    await until('hosts are heard', async () => {
      const hosts = (await ask('host.list')) as { state: string }[];
      return hosts.every(({ state }) => state === 'up') ? true : undefined;
    });
    assert.equal((await effects())['start cpu2'] ?? 0, before, 'it was ordered down');
    assert.equal((await up('grid')).state, 'done');
    for (const guest of ['cpu2', 'fossil']) await ask('guest.poweroff', { guest });
    await restarted();
    await runs('cpu2', before + 2);
    await ask('chain.set', { file: GRID }).catch(() => undefined);
    const hasEnded = (outcome: string): Promise<RunRecord> =>
      until(`a run is ${outcome}`, async () => {
        const [newest] = (await ask('chain.history', { chain: 'grid' })) as RunRecord[];
        return newest?.outcome === outcome && newest.there === newest.of ? newest : undefined;
      });
    await hasEnded('done');

    // A run that watches sees to what is kept, and the next one to all.
    const kept = GRID.replace('cpu1: { ', 'cpu1: { keep: { most: 9, within: 10m }, ');
    await ask('chain.set', { file: kept.replace('chain: grid', 'chain: grid\nautostart: true') });
    assert.equal((await up('grid')).state, 'done');
    const { run: watched } = await hasEnded('watching');
    for (const guest of ['cpu1', 'fossil']) await ask('guest.poweroff', { guest });
    await until('what is kept is up again', async () => (await stateOf('cpu1')) === 'running' || undefined);
    assert.equal(await stateOf('fossil'), 'shutoff');
    await restarted();
    await until('the rest is up again', async () => (await stateOf('fossil')) === 'running' || undefined);
    assert.notEqual((await hasEnded('watching')).run, watched);
    assert.equal((await down('grid')).state, 'done');
    await ask('chain.set', { file: GRID });
  });

  it('are refused at once where they are not there', async () => {
    for (const verb of ['chain.up', 'chain.down'] as const) {
      assert.equal(await codeOf(ask(verb, { chain: 'gird' })), 'chain-not-found');
      assert.equal(await codeOf(ask(verb, { chain: 'grid', part: ['venit'] })), 'chain-node-unknown');
    }
    const unasked = (args: Record<string, unknown>): Promise<Failure> =>
      runVerb(admin.entity, CENTRAL, 'chain.down', centralVerbs['chain.down'], args, {}).then(
        () => assert.fail('it was not asked'),
        (error: Failure) => error,
      );
    assert.equal((await unasked({ chain: 'gird' })).code, 'chain-not-found');
    assert.match((await unasked({ chain: 'grid', part: ['venti'] })).message, /chain down grid venti/);
  });

  it('give guests their boot parameters, for that start alone', async () => {
    const paramsOf = (guest: string): Promise<unknown> => ask('guest.params', { guest });
    const params = '{ altaddr: 10.99.0.12, afterfact: "/x/alt net" }';
    await ask('chain.set', {
      file: `chain: told\nnodes:\n  venti: { host: host1, params: ${params} }\n  fossil: { after: [venti] }\n`,
    });
    assert.equal((await up('told')).state, 'done');
    assert.deepEqual(await paramsOf('venti'), [
      { name: 'altaddr', value: '10.99.0.12' },
      { name: 'afterfact', value: '/x/alt net' },
    ]);
    assert.deepEqual(await paramsOf('fossil'), []);
    assert.equal((await down('told')).state, 'done');
    assert.deepEqual(await paramsOf('venti'), []);
    await ask('guest.start', { guest: 'venti', params: ['altaddr=10.99.0.13'] });
    assert.deepEqual(await paramsOf('venti'), [{ name: 'altaddr', value: '10.99.0.13' }]);
    await ask('guest.poweroff', { guest: 'venti' });
    await ask('guest.start', { guest: 'venti' });
    assert.deepEqual(await paramsOf('venti'), []);
    await ask('guest.poweroff', { guest: 'venti' });
    assert.equal(await codeOf(ask('guest.start', { guest: 'venti', params: ['a=1', 'a=2'] })), 'bad-argument');
    assert.equal(await codeOf(ask('guest.start', { guest: 'venti', params: ['a'] })), 'bad-argument');
    await ask('role.grant', { role: 'operator', jid: 'viewer@skerry.test' });
    const asOperator = (args: Record<string, unknown>) =>
      codeOf(ask('guest.start', { guest: 'venti', ...args }, { as: viewer, operation: JSON.stringify(args) }));
    assert.equal(await asOperator({ params: ['init=/bin/sh'] }), 'not-permitted');
    assert.equal(await stateOf('venti'), 'shutoff');
    assert.equal(await asOperator({}), 'done');
    await ask('role.revoke', { role: 'operator', jid: 'viewer@skerry.test' });
    await ask('guest.poweroff', { guest: 'venti' });
    await ask('chain.delete', { chain: 'told' });
  });

  it('find guests on hosts with all of their tags', async () => {
    const failed = async (tags: string): Promise<string> => {
      await ask('chain.set', { file: `chain: tagged\nnodes: { venti: { tags: [${tags}] } }\n` });
      const job = await up('tagged');
      assert.equal(job.outcome, 'chain-failed', job.progress);
      return job.progress;
    };
    assert.match(await failed('ssd'), /venti: no host has the tag ssd/);
    await ask('host.tag', { host: 'host2', tags: ['ssd', 'near'] });
    await ask('host.tag', { host: 'host1', tags: ['near'] });
    assert.match(await failed('ssd, near'), /venti: it is on host1, which does not have all of the tags ssd, near/);
    await ask('chain.set', {
      file: 'chain: tagged\nnodes: { venti: { tags: [near] }, cpu1: { tags: [near, ssd] } }\n',
    });
    assert.equal((await up('tagged')).state, 'done');
    assert.deepEqual([await stateOf('venti'), await stateOf('cpu1')], ['running', 'running']);
    assert.equal((await down('tagged')).state, 'done');
    await ask('chain.delete', { chain: 'tagged' });
  });

  it('look from any host that is heard where none is named, and from another when that is lost', async () => {
    const door = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
    await once(door, 'listening');
    const { port } = door.address() as AddressInfo;
    await ask('chain.set', {
      file: `chain: outside\nnodes:
  door: { kind: check, ready: { tcp: "127.0.0.1:${port}", every: 200ms, fresh: 1s }, timeout: 1m }
  cpu1: { host: host2, after: [door], hold: true }\n`,
    });
    const job = (await ask('chain.up', { chain: 'outside' })) as Job;
    const held = (): Promise<true> =>
      until('cpu1 waits only to be released', async () => {
        const { text } = (await ask('chain.explain', { chain: 'outside', node: 'cpu1' })) as { text: string };
        return /to be released/.test(text) ? true : undefined;
      });
    await held();
    const [host1] = hosts as [TestAgent, ...TestAgent[]];
    await host1.stop();
    await until('host1 is lost', async () =>
      ((await ask('host.info', { host: 'host1' })) as { state: string }).state === 'unreachable' ? true : undefined,
    );
    await held();
    await ask('chain.release', { chain: 'outside', nodes: ['cpu1'] });
    assert.equal((await ended(job)).state, 'done');
    await host1.start();
    await until('host1 is back', async () =>
      ((await ask('host.info', { host: 'host1' })) as { state: string }).state === 'up' ? true : undefined,
    );
    assert.equal((await down('outside')).state, 'done');
    await ask('chain.delete', { chain: 'outside' });
    door.close();
  });

  it('wait for a presence, which a person has to let central see', async () => {
    await ask('chain.set', {
      file: `chain: people\nnodes:
  venti: { host: host1, ready: { presence: venti@${CENTRAL}, every: 200ms } }
  server: { kind: check, ready: { presence: host2@skerry.test, every: 200ms } }
  someone: { kind: check, after: [venti, server], ready: { presence: viewer@skerry.test, every: 1s, fresh: 5s, good: 2 } }
  cpu1: { host: host2, after: [someone], hold: true }\n`,
    });
    const why = async (node: string): Promise<string> =>
      ((await ask('chain.explain', { chain: 'people', node })) as { text: string }).text;
    await viewer.send(xml('presence'));
    const job = (await ask('chain.up', { chain: 'people' })) as Job;
    const isAsked = (stanza: Element): boolean => stanza.attrs.type === 'subscribe' && stanza.attrs.from === CENTRAL;
    await viewer.sees('that central asks', isAsked);
    assert.match(await why('venti'), /^venti is ready/);
    assert.match(await why('someone'), /^someone waits until it answers as ready/);
    await viewer.send(xml('presence', { to: CENTRAL, type: 'subscribed' }));
    await until('viewer is seen', async () => (/to be released/.test(await why('cpu1')) ? true : undefined));
    await viewer.send(xml('presence', { type: 'unavailable' }));
    await until('viewer has gone', async () =>
      /^cpu1 waits for someone to be there/.test(await why('cpu1')) ? true : undefined,
    );
    await viewer.send(xml('presence'));
    await until('viewer is back', async () => (/to be released/.test(await why('cpu1')) ? true : undefined));
    await ask('job.cancel', { job: job.id });
    await until('the run has ended', async () =>
      (await codeOf(ask('chain.cancel', { chain: 'people' }))) === 'chain-not-running' ? true : undefined,
    );
    assert.equal((await down('people')).state, 'done');
    await ask('chain.delete', { chain: 'people' });
  });

  it('act for those who may, and for nobody else', async () => {
    assert.equal(await codeOf(ask('chain.up', { chain: 'grid' }, { as: viewer })), 'not-permitted');
    assert.equal(await codeOf(ask('chain.set', { file: GRID }, { as: viewer })), 'not-permitted');
    assert.equal(await codeOf(ask('chain.plan', { chain: 'grid' }, { as: viewer })), 'done');
    assert.equal(await codeOf(ask('chain.plan', { chain: 'gird' })), 'chain-not-found');
  });
});
