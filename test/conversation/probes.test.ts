import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import xml, { type Element } from '@xmpp/xml';
import { probing } from '#agent/probes/probing.ts';
import { serveProbes } from '#agent/probes/serve.ts';
import { Failure } from '#shared/errors.ts';
import { type ProbeAnswer, ProbeSet, placedAt } from '#shared/model/probe.ts';
import type { IqRequest } from '#shared/xmpp/entity.ts';
import { answersElement, PROBE_NS, parseAnswers, probesElement, sendProbes, serveAnswers } from '#shared/xmpp/probe.ts';
import { errorElement } from '#shared/xmpp/stanza-error.ts';
import { manualClock } from '#test/unit/support/manual-clock.ts';
import { FakeEntity } from './peer.ts';
import { failsWith, HOST } from './stanzas.ts';

const CENTRAL = 'central.skerry.test';
const probe = (id: string, tcp: string, more: object = {}) => ({
  ...{ id, since: 5, tests: [{ tcp }], mode: 'all', everyMs: 1_000, good: 2, freshMs: 10_000 },
  ...more,
});
const setOf = (version: number, ...probes: unknown[]): ProbeSet => ProbeSet.parse({ version, probes });
const iq = (child: Element | string, from = CENTRAL): string =>
  `<iq type="set" id="1" from="${from}" to="${HOST}">${child}</iq>`;
const json = (text: string): Element =>
  xml('probes', { xmlns: PROBE_NS }, xml('json', { xmlns: 'urn:xmpp:json:0' }, text));

/** An agent that has central for a peer: what it asks of it is kept. */
class AgentEntity extends FakeEntity {
  readonly asked: IqRequest[] = [];
  refusal: Error | undefined;
  #wake = Promise.withResolvers<void>();
  override request(request?: IqRequest): Promise<Element> {
    if (request) this.asked.push(request);
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
    return this.refusal ? Promise.reject(this.refusal) : Promise.resolve(xml('iq', { type: 'result' }));
  }
  answers(): ProbeAnswer[] {
    return this.asked.flatMap(({ child }) => parseAnswers(child));
  }
  async tells(count: number): Promise<ProbeAnswer[]> {
    while (this.answers().length < count) await this.#wake.promise;
    return this.answers();
  }
}

function scene() {
  const entity = new AgentEntity();
  const clock = manualClock(0);
  const by = probing({
    ...{ host: 'host1', clock, commands: {}, onBug: (error) => entity.bugs.push(error) },
    run: async () => assert.fail('nothing is to be run'),
    driver: { kind: 'scene' },
    inventory: { find: () => undefined, state: 'up', problem: undefined },
    consoles: { life: () => ({ problem: 'none' }) },
  });
  serveProbes({ entity, central: CENTRAL, probing: by, log: { debug: () => {} } });
  /** The clock goes on until so many answers were told. */
  const tells = async (count: number): Promise<ProbeAnswer[]> => {
    for (let step = 0; entity.answers().length < count; step++) {
      assert.ok(step < 10_000, `${count} answers are due: ${JSON.stringify(entity.answers())}`);
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(10);
    }
    return entity.answers();
  };
  return { entity, clock, tells, stop: by.stop };
}

/** A server that takes connections, and its address. */
async function service(): Promise<{ address: string; close(): Promise<void> }> {
  const server = createServer((socket) => socket.on('error', () => {}).destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return { address: `127.0.0.1:${port}`, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

describe('probes on the wire', () => {
  it('are taken at once, and answered to central: the first verdict, the count, the change', async () => {
    const { entity, tells, stop } = scene();
    const { address, close } = await service();
    const reply = await entity.receives(iq(probesElement(setOf(1, probe('venti', address)))));
    assert.equal(reply.attrs.type, 'result');
    assert.deepEqual(reply.getChildElements(), []);
    assert.deepEqual(
      (await tells(2)).map(({ id, since, good }) => ({ id, since, good })),
      [
        { id: 'venti', since: 5, good: 1 },
        { id: 'venti', since: 5, good: 2 },
      ],
    );
    assert.deepEqual(
      new Set(entity.asked.map(({ to, type, child }) => `${to} ${type} ${child.name}`)),
      new Set([`${CENTRAL} set answers`]),
    );
    await close();
    const last = (await tells(3)).at(-1);
    assert.deepEqual([last?.good, last?.why], [0, 'connection refused']);
    assert.deepEqual(entity.bugs, []);
    stop();
  });

  it('say what this host cannot look at', async () => {
    const { entity, tells, stop } = scene();
    const tests = {
      from: [{ tcp: 'a:1', from: 'host2' }],
      network: [{ tcp: 'a:1', network: 'plan9' }],
      command: [{ command: 'reboot' }],
      agent: [{ agent: true }],
      guest: [{ console: 'login' }],
    };
    const probes = Object.entries(tests).map(([id, own]) =>
      probe(id, 'a:1', { tests: own, ...(id === 'agent' ? { guest: 'venti' } : {}) }),
    );
    await entity.receives(iq(probesElement(setOf(1, ...probes))));
    const whys = Object.fromEntries((await tells(5)).map(({ id, why }) => [id, why]));
    assert.deepEqual(whys, {
      from: 'it is to be looked at from host2, and this is host1',
      network: 'the network plan9 is not known to host1',
      command: 'host1 allows no command reboot: its configuration lists them',
      agent: 'The scene driver of host1 cannot do a ping of a guest agent.',
      guest: 'this test is of a guest, and none was named',
    });
    stop();
  });

  it('are taken of central alone', async () => {
    const { entity, clock, stop } = scene();
    const set = probesElement(setOf(9, probe('venti', '127.0.0.1:1')));
    for (const from of [
      ...['mallory@skerry.test/x', 'admin@skerry.test/x', 'host1@skerry.test/agent', 'host1@skerry.test'],
      ...['central.skerry.test.evil.test', `x@${CENTRAL}`, `venti@${CENTRAL}/host1`, 'skerry.test'],
    ])
      failsWith(await entity.receives(iq(set, from)), 'forbidden', 'not-permitted');
    // Whoever it is learns nothing of what is wrong with it.
    failsWith(await entity.receives(iq(json('{'), 'mallory@skerry.test/x')), 'forbidden', 'not-permitted');
    clock.advance(60_000);
    assert.deepEqual(entity.asked, []);
    assert.equal((await entity.receives(iq(probesElement(setOf(0))))).attrs.type, 'result', 'its version is not known');
    stop();
  });

  it('of a lower version are refused, those of the same or a higher take the place of all before', async () => {
    const { entity, clock, tells, stop } = scene();
    const send = (set: ProbeSet): Promise<Element> => entity.receives(iq(probesElement(set)));
    await send(setOf(5, probe('a', '127.0.0.1:1')));
    await tells(1);
    const late = await send(setOf(4, probe('b', '127.0.0.1:1')));
    failsWith(late, 'conflict', 'probes-late');
    assert.equal(late.getChild('error')?.getChild('probes-late')?.attrs.newest, '5');
    assert.equal((await send(setOf(5, probe('b', '127.0.0.1:1')))).attrs.type, 'result');
    assert.deepEqual(
      (await tells(2)).map(({ id }) => id),
      ['a', 'b'],
    );
    assert.equal((await send(setOf(6))).attrs.type, 'result');
    const count = entity.asked.length;
    for (let step = 0; step < 100; step++) {
      clock.advance(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(entity.asked.length, count, 'nothing is wanted, and nothing is told');
    stop();
  });

  it('that cannot be read are refused, and those before go on', async () => {
    const { entity, tells, stop } = scene();
    await entity.receives(iq(probesElement(setOf(1, probe('a', '127.0.0.1:1')))));
    await tells(1);
    const good = probe('a', '127.0.0.1:1');
    for (const broken of [
      ...['{', '[]', '{}', '{"version":2}', '{"version":-1,"probes":[]}', '{"version":"2","probes":[]}'],
      ...[
        { ...good, tests: [] },
        { ...good, tests: [{}] },
        { ...good, tests: [{ presence: 'a@b' }] },
        { ...good, tests: [{ tcp: 'a:1', dns: 'b' }] },
        { ...good, tests: [{ tcp: 'a:99999' }] },
        { ...good, tests: [{ console: '(' }] },
        { ...good, tests: [{ http: { url: 'file:///etc/passwd' } }] },
        { ...good, everyMs: 1 },
        { ...good, everyMs: 2 ** 31 },
        { ...good, good: 0 },
        { ...good, argv: ['reboot'] },
      ].map((each) => JSON.stringify({ version: 2, probes: [each] })),
      JSON.stringify({ version: 2, probes: [good, good] }),
      JSON.stringify({ version: 2, probes: Array.from({ length: 1_001 }, (_, at) => probe(`p${at}`, 'a:1')) }),
    ])
      failsWith(await entity.receives(iq(json(broken))), 'bad-request', 'bad-payload');
    failsWith(await entity.receives(iq(`<probes xmlns="${PROBE_NS}"/>`)), 'bad-request', 'bad-payload');
    assert.equal(
      (await entity.receives(iq(probesElement(setOf(1, good))))).attrs.type,
      'result',
      'the version is still 1',
    );
    assert.deepEqual(
      (await tells(2)).map(({ id }) => id),
      ['a', 'a'],
      'it is told again',
    );
    assert.deepEqual(entity.bugs, []);
    stop();
  });

  it('are answered to nobody while central is away, and told when it asks again', async () => {
    const { entity, clock, tells, stop } = scene();
    entity.refusal = new Failure('no-answer', { peer: CENTRAL, timeoutS: 10 });
    const set = probesElement(setOf(1, probe('a', '127.0.0.1:1')));
    await entity.receives(iq(set));
    await tells(1);
    entity.isOnline = false;
    await entity.receives(iq(probesElement(setOf(1, probe('b', '127.0.0.1:1')))));
    for (let step = 0; step < 30; step++) {
      clock.advance(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(entity.asked.length, 1);
    entity.isOnline = true;
    entity.refusal = undefined;
    await entity.receives(iq(set));
    assert.equal((await tells(2)).at(-1)?.good, 0);
    entity.becomes({ status: 'resumed' });
    assert.equal((await tells(3)).at(-1)?.why, 'connection refused', 'after we were away it is told too');
    assert.deepEqual(entity.bugs, []);
    stop();
  });
});

describe('answers of probes, at central', () => {
  const answer: ProbeAnswer = { id: 'venti', since: 5, good: 2, from: 3_000, at: 1_000 };

  it('are taken with the address that the server stamped', async () => {
    const entity = new FakeEntity();
    const taken: unknown[] = [];
    serveAnswers(entity, (from, answers) => void taken.push([from, answers]));
    const reply = await entity.receives(iq(answersElement([answer]), 'host1@skerry.test/agent'));
    assert.equal(reply.attrs.type, 'result');
    assert.deepEqual(taken, [['host1@skerry.test', [answer]]]);
    for (const broken of [
      { answers: [{ ...answer, good: -1 }] },
      { answers: [{ ...answer, at: -5 }] },
      { answers: {} },
      {},
    ]) {
      const child = xml(
        'answers',
        { xmlns: PROBE_NS },
        xml('json', { xmlns: 'urn:xmpp:json:0' }, JSON.stringify(broken)),
      );
      failsWith(await entity.receives(iq(child)), 'bad-request', 'bad-payload');
    }
    assert.equal(taken.length, 1);
  });

  it('are placed by its own clock', () => {
    assert.deepEqual(placedAt(answer, 100_000), { good: 2, from: 97_000, at: 99_000 });
  });

  it('are asked for by a set, whose refusal is a row of the table', async () => {
    const asked: IqRequest[] = [];
    const set = setOf(3, probe('venti', 'venti:17034'));
    const entity = {
      request: async (request: IqRequest) => {
        asked.push(request);
        return xml('iq');
      },
    };
    await sendProbes(entity, { from: CENTRAL, to: HOST }, set);
    assert.deepEqual([asked[0]?.to, asked[0]?.from, asked[0]?.type], [HOST, CENTRAL, 'set']);
    assert.ok(asked[0]?.child.is('probes', PROBE_NS));
    const { parseError } = await import('#shared/xmpp/stanza-error.ts');
    const refusing = {
      request: async () => {
        throw parseError(xml('iq', {}, errorElement(new Failure('probes-late', { version: 3, newest: 4 }))));
      },
    };
    await assert.rejects(
      sendProbes(refusing, { from: CENTRAL, to: HOST }, set),
      (error) => error instanceof Failure && error.code === 'probes-late' && error.details.newest === '4',
    );
  });
});
